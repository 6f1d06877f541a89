import time

import requests

API_BASE = "https://api.tensoras.ai/v1"
HEADERS = {"Authorization": "Bearer tns_your_key_here"}

kb_id = "kb_abc123"
job_id = "job_abc123"

while True:
    response = requests.get(
        f"{API_BASE}/knowledge-bases/{kb_id}/ingestion-jobs/{job_id}",
        headers=HEADERS,
    )
    job = response.json()

    print(f"Status: {job['status']} | Docs: {job['documents_processed']} | Chunks: {job['chunks_created']}")

    if job["status"] in ("completed", "failed"):
        break

    time.sleep(5)

if job["status"] == "completed":
    print(f"Ingestion complete! {job['chunks_created']} chunks indexed.")
else:
    print(f"Ingestion failed: {job.get('error', 'Unknown error')}")
