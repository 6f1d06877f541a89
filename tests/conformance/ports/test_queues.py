"""The queues against their contract, and what only SQS does."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from forebay.adapters.memory import MemoryQueues
from forebay.adapters.sqs_queues import SqsQueues
from forebay.domain.commands import COMMANDS, Command
from forebay.domain.errors import TransientError
from tests.aws import ENVIRONMENT, Answer, Aws, aws, bodies, client, error, failing
from tests.conformance.ports.queues_suite import EXTRACT, CommandQueuesSuite, Subject, batches

__all__ = ["aws"]

URLS = {verb: f"https://sqs.eu-west-1.amazonaws.com/1/{verb}" for verb in ("extract", "embed", "control")}


class TestMemoryQueues(CommandQueuesSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        queues = MemoryQueues()
        return Subject(queues, lambda verb: [command for command in queues.sent if command.queue == verb])


class TestSqsQueuesOnMoto(CommandQueuesSuite):
    @pytest.fixture
    def subject(self, aws: Aws) -> Subject:
        for url in aws.queues.values():
            bodies(aws.sqs, url)

        def taken(verb: str) -> Sequence[Command]:
            return [COMMANDS.validate_json(message["Body"]) for message in bodies(aws.sqs, aws.queues[verb])]

        return Subject(SqsQueues(lambda: aws.sqs, aws.queues), taken)


class Recorded:
    """The requests of a client, answered as accepted without being sent."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.client = client("sqs")
        self.client.meta.events.register("provide-client-params.sqs.SendMessageBatch", self._note)
        self.client.meta.events.register("before-call.sqs.SendMessageBatch", self._answer)

    def _note(self, params: dict[str, Any], **_: Any) -> None:
        self.requests.append(params)

    @staticmethod
    def _answer(**_: Any) -> tuple[Any, dict[str, Any]]:
        return type("Http", (), {"status_code": 200, "headers": {}})(), {"Successful": [], "ResponseMetadata": {}}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_messages_are_grouped_by_tenant_ten_a_request() -> None:
    recorded = Recorded()

    SqsQueues(lambda: recorded.client, URLS).send(batches(23))

    entries = [request["Entries"] for request in recorded.requests]
    assert [len(each) for each in entries] == [10, 10, 3]
    assert {entry["MessageGroupId"] for each in entries for entry in each} == {"acme"}
    assert all("DelaySeconds" not in entry for each in entries for entry in each)


@pytest.mark.parametrize(("asked", "given"), [(2, 2), (900, 900), (86_400, 900)])
def test_a_delay_is_at_most_what_sqs_takes(asked: int, given: int) -> None:
    recorded = Recorded()

    SqsQueues(lambda: recorded.client, URLS).send([EXTRACT], delay_seconds=asked)

    assert recorded.requests[0]["Entries"][0]["DelaySeconds"] == given


FAILURES: Mapping[str, Exception | Answer] = {
    "refused entry": (200, {"Successful": [], "Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}),
    "throttled": error("RequestThrottled"),
    "no such queue": error("AWS.SimpleQueueService.NonExistentQueue"),
    "no connection": EndpointConnectionError(endpoint_url="https://sqs"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_send_that_is_not_wholly_accepted_is_transient(failure: str) -> None:
    made, _ = failing("sqs", "SendMessageBatch", FAILURES[failure])

    with pytest.raises(TransientError):
        SqsQueues(lambda: made, URLS).send([EXTRACT])


@pytest.mark.parametrize("failure", FAILURES)
def test_an_offer_that_is_not_accepted_is_logged_and_left_to_sweep(
    failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    made, _ = failing("sqs", "SendMessageBatch", FAILURES[failure])

    with caplog.at_level(logging.WARNING, "forebay"):
        SqsQueues(lambda: made, URLS).offer([EXTRACT])

    assert [record.message for record in caplog.records] == ["commands not sent; sweep will"]


def test_a_backlog_that_cannot_be_read_is_transient() -> None:
    made, _ = failing("sqs", "GetQueueAttributes", error("AccessDenied", status=403))

    with pytest.raises(TransientError):
        SqsQueues(lambda: made, URLS).backlog("extract")
