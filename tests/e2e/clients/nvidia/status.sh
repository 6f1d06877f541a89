curl "http://localhost:8082/v1/status?task_id=TASK_ID"
