import requests

response = requests.get(
    "https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs",
    headers={"Authorization": "Bearer tns_your_key_here"},
)

jobs = response.json()["data"]
for job in jobs:
    print(
        f"{job['id']}: {job['status']} - "
        f"{job['documents_processed']} docs, {job['chunks_created']} chunks"
    )
