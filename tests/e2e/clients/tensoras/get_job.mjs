const response = await fetch(
  "https://api.tensoras.ai/v1/knowledge-bases/kb_abc123/ingestion-jobs/job_abc123",
  {
    headers: { Authorization: "Bearer tns_your_key_here" },
  }
);

const job = await response.json();
console.log(`Job: ${job.id}`);
console.log(`Status: ${job.status}`);
console.log(`Documents processed: ${job.documents_processed}`);
console.log(`Documents failed: ${job.documents_failed}`);
console.log(`Chunks created: ${job.chunks_created}`);

if (job.document_details) {
  console.log("\nDocument details:");
  for (const doc of job.document_details) {
    const status = doc.status === "completed" ? "OK" : "FAIL";
    console.log(`  [${status}] ${doc.document_name}: ${doc.chunks_created} chunks`);
  }
}
