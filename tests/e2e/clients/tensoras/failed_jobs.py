import requests

response = requests.get(
    "https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs",
    headers={"Authorization": "Bearer tns_your_key_here"},
    params={"status": "failed"},
)

failed_jobs = response.json()["data"]
for job in failed_jobs:
    print(f"{job['id']}: {job['error']}")
