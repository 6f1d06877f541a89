curl -X POST http://localhost:8082/v1/collection \
  -H "Content-Type: application/json" \
  -d '{"collection_name": "multimodal_data"}'
