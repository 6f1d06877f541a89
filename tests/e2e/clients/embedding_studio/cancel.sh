curl -X PUT "http://localhost:5000/embeddings/upsertion-tasks/cancel?task_id=task-123"
