curl -X POST http://localhost:8080/v1/artifacts/delete/async \
  -H "Content-Type: application/json" \
  -d '{"delete_body":{"collection":"my-collection","artifact":"<artifact-id>"}}'
