curl -X POST http://localhost:5000/embeddings/upsertion-tasks/categories/run \
  -H "Content-Type: application/json" \
  -d @task.json
