curl https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs/job_abc123 \
  -H "Authorization: Bearer tns_your_key_here"
