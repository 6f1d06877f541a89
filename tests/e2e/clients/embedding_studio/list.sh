curl "http://localhost:5000/embeddings/upsertion-tasks/list?offset=0&limit=100&status=done"
