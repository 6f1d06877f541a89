curl -X POST https://host.com/v1/artifacts/delete/async \
  -H "Content-Type: application/json" \
  -d '{
  "delete_body": {
    "collection": "financial_reports",
    "artifact": "obsolete_report_2022"
  },
  "callback": {
    "amqp": {
      "exchange": "deletion_events",
      "routing_key_done": "delete.completed",
      "routing_key_progress": "delete.progress",
      "routing_key_error": "delete.failed"
    }
  }
}'
