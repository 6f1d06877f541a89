const response = await fetch(
  "https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs",
  {
    headers: { Authorization: "Bearer tns_your_key_here" },
  }
);

const { data: jobs } = await response.json();
for (const job of jobs) {
  console.log(
    `${job.id}: ${job.status} - ${job.documents_processed} docs, ${job.chunks_created} chunks`
  );
}
