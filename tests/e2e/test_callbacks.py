"""Who asked to be told is told: by signed webhooks, after failures too, and PrivateGPT's clients by a real RabbitMQ."""

import json
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests
from botocore.exceptions import ClientError
from standardwebhooks import Webhook

from local.parameters import BROKER_URL_PARAMETER
from tests.e2e.cloud import Cloud, eventually, pdf
from tests.rabbitmq import RabbitMQ, rabbitmq
from tests.web_server import Play, WebServer, web_server

SECRET: Final = "whsec_" + b64encode(b"a secret of thirty-two characters").decode()
TASK: Final = "pgpt.vector_index_task"
CALLBACK: Final = {
    "amqp": {"exchange": "ingestion_events", "routing_key_done": "done", "routing_key_error": "failed"},
    "properties": {"correlation": 7},
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A job with three webhooks: one answers 500 at first, one closes the connection, one takes all that is told."""

    job: str
    receiver: WebServer
    secrets: Mapping[str, str]  # path → secret

    def taken(self, path: str) -> list[dict[str, Any]]:
        """What was sent there, each verified as receivers do."""
        sent = (request.partition("\r\n\r\n") for request in self.receiver.asked)
        return [_verified(head, body, self.secrets[path]) for head, _, body in sent if f" {path} " in head]


def _verified(head: str, body: str, secret: str) -> dict[str, Any]:
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    verified: dict[str, Any] = Webhook(secret).verify(body.encode("latin-1"), headers)
    return verified


@pytest.fixture(scope="module")
def asked(reaching: Cloud) -> Iterator[Asked]:
    """The job, just taken in."""
    with web_server() as receiver:
        receiver.answers("/broken", status=500)
        receiver.answers("/all", status=204)
        takes = receiver.plays["/all"]
        receiver.plays["/broken"] = _once(receiver.plays["/broken"], takes)
        receiver.plays["/closing"] = _once(socket.socket.close, takes)
        webhooks = [
            {"type": "webhook", "url": receiver.url("/broken"), "secret": SECRET},
            {"type": "webhook", "url": receiver.url("/closing"), "events": ["forebay.document.failed"]},
            {"type": "webhook", "url": receiver.url("/all"), "secret": SECRET, "events": ["forebay.*"]},
        ]
        good = {"id": "weir.txt", "source": {"type": "text", "text": "The weir is closed on Mondays."}}
        bad = {"id": "bad.pdf", "source": {"type": "base64", "data": b64encode(pdf("gone")[:300]).decode()}}
        wanted = {"collection": "told", "documents": [good, bad], "callbacks": webhooks}
        job = reaching.call("POST", "/jobs", wanted).json()
        yield Asked(job["id"], receiver, {"/broken": SECRET, "/closing": job["callbacks"][1]["secret"], "/all": SECRET})


def _once(first: Play, then: Play) -> Play:
    plays = [first]

    def play(connected: socket.socket) -> None:
        (plays.pop() if plays else then)(connected)

    return play


@pytest.fixture(scope="module")
def broker(reaching: Cloud, asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """RabbitMQ, where the stack finds it; as it starts, the webhooks' second attempts become due."""
    with rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as running:
        reaching.endpoint.client("ssm").put_parameter(
            Name=BROKER_URL_PARAMETER, Value=running.url(), Type="SecureString", Overwrite=True
        )
        yield running


def ingest(cloud: Cloud, name: str, content: bytes) -> str:
    """Ask as PrivateGPT's clients do; the id of the task."""
    file = {"type": "file", "value": b64encode(content).decode()}
    document = {"input": file, "artifact": name, "collection": "reports", "metadata": {"file_name": name}}
    body = {"ingest_body": document, "callback": CALLBACK}
    answer = requests.post(f"{cloud.url}/v1/artifacts/ingest/async", json=body, timeout=40)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task_id"])


def messages(broker: RabbitMQ, queue: str, task: str, last: str) -> list[dict[str, Any]]:
    """What the broker got of a task, until a message has the routing key `last`; in the order of their numbers."""
    found: list[dict[str, Any]] = []

    def ended() -> bool:
        for how, about, body in broker.taken(queue):
            message = json.loads(body)
            assert (about.delivery_mode, about.message_id) == (2, message["event_id"])
            found.append({**message, "routing_key": how.routing_key})
        return any(message["routing_key"] == last for message in found)

    eventually(ended, 60)
    assert {message["task_id"] for message in found} == {task}
    return sorted(found, key=lambda message: int(message["sequence"]))


def test_privategpts_clients_are_told_of_failures_progress_and_ends(reaching: Cloud, broker: RabbitMQ) -> None:
    queue = broker.bind("ingestion_events", "done", f"{TASK}.progress", "failed")

    bad = ingest(reaching, "bad.pdf", pdf("gone")[:300])
    of_bad = messages(broker, queue, bad, "failed")
    good = ingest(reaching, "weir.txt", b"The weir is closed on Mondays. " * 1_500)
    of_good = messages(broker, queue, good, "done")

    *_, failed = of_bad
    assert failed == {
        "type": f"{TASK}.error", "routing_key": "failed", "data": None, "callback_properties": {"correlation": 7},
        "error": {"errors": ["zpgt.ingest.malformed_file.error"], "warnings": []},
        "task_id": bad, "artifact": "bad.pdf", "collection": "reports",
        "event_id": failed["event_id"], "sequence": failed["sequence"],
    }  # fmt: skip
    *progress, done = of_good
    assert (done["type"], done["routing_key"], done["error"]) == (f"{TASK}.done", "done", None)
    assert [document["artifact"] for document in done["data"]["data"]] == ["weir.txt"]
    assert {message["type"] for message in progress} == {f"{TASK}.progress"}
    assert {message["data"]["current_step"] for message in progress} <= {"Validation", "Parse", "Storage"}


def test_a_webhook_is_told_again_until_it_is_taken_and_when_asked(reaching: Cloud, asked: Asked) -> None:
    def log() -> dict[str, list[tuple[int, int | None]]] | None:
        events = reaching.call("GET", f"/events?job_id={asked.job}").json()["data"]
        ends = [each for each in events if each["type"] != "forebay.job.progress"]
        whole = [reaching.call("GET", f"/events/{each['id']}").json() for each in ends]
        done = len(whole) == 3 and all(each["status"] == "delivered" for each in whole)
        return (
            {each["type"]: [(a["target"], a["status"]) for a in each["attempts"]] for each in whole} if done else None
        )

    told = eventually(log, 30)
    (event, again) = asked.taken("/broken")
    reaching.call("POST", f"/events/{event['id']}/redeliver")
    (third,) = eventually(lambda: asked.taken("/broken")[2:], 30)

    assert {type_: sorted(attempts, key=str) for type_, attempts in told.items()} == {
        "forebay.document.ready": [(2, 204)],
        "forebay.document.failed": [(1, 204), (1, None), (2, 204)],
        "forebay.job.partially_succeeded": [(0, 204), (0, 500), (2, 204)],
    }
    assert event == again == third
    assert (event["data"]["job_id"], event["data"]["status"]) == (asked.job, "partially_succeeded")
    assert {each["data"]["document"]["id"] for each in asked.taken("/closing")} == {"bad.pdf"}


@pytest.mark.parametrize(
    ("service", "act"),
    [
        ("events", lambda client, of: client.put_events(Entries=[{"EventBusName": of["Bus"], "Source": "forebay"}])),
        ("kms", lambda client, of: client.encrypt(KeyId=of["SecretsKey"], Plaintext=b"secret")),
        ("ssm", lambda client, of: client.get_parameter(Name="/forebay/other")),
        ("sqs", lambda client, of: client.send_message(QueueUrl=of["ExtractQueue"], MessageBody="{}")),
        ("dynamodb", lambda client, of: client.delete_item(TableName=of["Table"], Key={"pk": {"S": "x"}})),
    ],
)
def test_who_tells_callbacks_can_do_nothing_else(
    service: str, act: Callable[[Any, Mapping[str, str]], object], reaching: Cloud, asked: Asked
) -> None:
    eventually(lambda: asked.taken("/broken"), 30)
    client = reaching.client_of("DeliverFunction", service)

    with pytest.raises(ClientError) as denied:
        act(client, reaching.resources)

    assert denied.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}
