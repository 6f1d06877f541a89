const API_BASE = "https://api.tensoras.ai/v1";
const headers = { Authorization: "Bearer tns_your_key_here" };

const kbId = "kb_abc123";
const jobId = "job_abc123";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

while (true) {
  const response = await fetch(
    `${API_BASE}/knowledge-bases/${kbId}/ingestion-jobs/${jobId}`,
    { headers }
  );
  const job = await response.json();

  console.log(
    `Status: ${job.status} | Docs: ${job.documents_processed} | Chunks: ${job.chunks_created}`
  );

  if (job.status === "completed" || job.status === "failed") {
    if (job.status === "completed") {
      console.log(`Ingestion complete! ${job.chunks_created} chunks indexed.`);
    } else {
      console.log(`Ingestion failed: ${job.error || "Unknown error"}`);
    }
    break;
  }

  await sleep(5000);
}
