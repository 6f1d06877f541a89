import requests

response = requests.get(
    "https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs/job_abc123",
    headers={"Authorization": "Bearer tns_your_key_here"},
)

job = response.json()
print(f"Job: {job['id']}")
print(f"Status: {job['status']}")
print(f"Documents processed: {job['documents_processed']}")
print(f"Documents failed: {job['documents_failed']}")
print(f"Chunks created: {job['chunks_created']}")

if job.get("document_details"):
    print("\nDocument details:")
    for doc in job["document_details"]:
        status_icon = "OK" if doc["status"] == "completed" else "FAIL"
        print(f"  [{status_icon}] {doc['document_name']}: {doc['chunks_created']} chunks")
