# List only failed ingestion jobs
curl "https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs?status=failed" \
  -H "Authorization: Bearer tns_your_key_here"
