import json
import time

import requests

# Poll every 5 seconds, as the system's notebooks do, until the task is no longer pending.
while True:
    status = requests.get("http://localhost:8082/v1/status", params={"task_id": "TASK_ID"}).json()
    if status["state"] != "PENDING":
        break
    time.sleep(5)

print(json.dumps(status))
