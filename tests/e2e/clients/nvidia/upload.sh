# The documentation shows the answers only; this is the obvious way to send three files.
curl -X POST http://localhost:8082/v1/documents \
  -F "documents=@document1.pdf" \
  -F "documents=@document2.pdf" \
  -F "documents=@document3.pdf" \
  -F 'data={"collection_name": "multimodal_data", "blocking": false}'
