curl "http://localhost:5000/embeddings/upsertion-tasks/info?task_id=task-123"
