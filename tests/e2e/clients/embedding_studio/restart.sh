curl -X PUT "http://localhost:5000/embeddings/upsertion-tasks/restart?task_id=task-123"
