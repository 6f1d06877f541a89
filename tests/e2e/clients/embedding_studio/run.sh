# The documentation gives the body only; this is the obvious way to send it.
curl -X POST http://localhost:5000/embeddings/upsertion-tasks/run \
  -H "Content-Type: application/json" \
  -d @task.json
