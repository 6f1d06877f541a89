"""Who subscribes to the bus is told when a job ends."""

import json
from typing import Any

from tests.e2e.cloud import Cloud, eventually

PATTERN = {"source": ["forebay"], "detail-type": [{"prefix": "forebay.job."}]}


def test_a_jobs_end_reaches_a_queue_subscribed_to_the_bus(cloud: Cloud) -> None:
    queues, events = cloud.endpoint.client("sqs"), cloud.endpoint.client("events")
    queue = queues.create_queue(QueueName="subscriber")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    bus = next(physical for logical, physical in cloud.resources.items() if logical.endswith("Bus"))
    events.put_rule(Name="subscriber", EventBusName=bus, EventPattern=json.dumps(PATTERN))
    events.put_targets(Rule="subscriber", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])

    job = cloud.ingest("told", {"id": "a.txt", "source": {"type": "text", "text": "Spring tide at noon."}})

    def told() -> dict[str, Any] | None:
        for message in queues.receive_message(QueueUrl=queue, WaitTimeSeconds=2).get("Messages", []):
            event: dict[str, Any] = json.loads(message["Body"])
            if job["id"] in json.dumps(event["detail"]):
                return event
        return None

    event = eventually(told, 60)
    assert event["detail-type"] == event["detail"]["type"] == "forebay.job.succeeded"
