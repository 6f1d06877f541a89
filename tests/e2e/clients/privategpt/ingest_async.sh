curl -X POST http://localhost:8080/v1/artifacts/ingest/async \
  -H "Content-Type: application/json" \
  -d '{
    "ingest_body": {
      "file_path": "/path/to/large-document.pdf",
      "collection": "my-collection"
    }
  }'
