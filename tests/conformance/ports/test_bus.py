"""The buses against their contract, and EventBridge's own ways of failing."""

import json
from collections.abc import Mapping, Sequence

import pytest
from botocore.exceptions import ReadTimeoutError

from forebay.adapters.eventbridge_bus import EventBridgeBus
from forebay.adapters.memory import MemoryBus
from forebay.domain.errors import TransientError
from forebay.domain.events import Event
from tests.aws import ENVIRONMENT, REGION, Answer, Aws, aws, bodies, error, failing
from tests.builders import an_event
from tests.conformance.ports.bus_suite import EventBusSuite, Subject

__all__ = ["aws"]


class TestMemoryBus(EventBusSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        bus = MemoryBus()
        return Subject(bus, lambda: bus.published)


def subscribe(aws: Aws, pattern: Mapping[str, object]) -> str:
    """A rule that puts what fits onto the extract queue; its URL."""
    url = aws.queues["extract"]
    bodies(aws.sqs, url)
    arn = f"arn:aws:sqs:{REGION}:123456789012:{url.rpartition('/')[2]}"
    aws.events.put_rule(Name="all", EventBusName=aws.bus, EventPattern=json.dumps(pattern))
    aws.events.put_targets(Rule="all", EventBusName=aws.bus, Targets=[{"Id": "queue", "Arn": arn}])
    return url


class TestEventBridgeBusOnMoto(EventBusSuite):
    @pytest.fixture
    def subject(self, aws: Aws) -> Subject:
        url = subscribe(aws, {"source": ["forebay"]})

        def heard() -> Sequence[Event]:
            return [Event.model_validate(json.loads(message["Body"])["detail"]) for message in bodies(aws.sqs, url)]

        return Subject(EventBridgeBus(lambda: aws.events, aws.bus), heard)

    def test_subscribers_can_choose_by_type(self, aws: Aws) -> None:
        url = subscribe(aws, {"detail-type": ["forebay.job.failed"]})
        types = ("forebay.job.succeeded", "forebay.job.failed")

        EventBridgeBus(lambda: aws.events, aws.bus).publish([an_event(type=type_) for type_ in types])

        assert [json.loads(message["Body"])["detail-type"] for message in bodies(aws.sqs, url)] == [
            "forebay.job.failed"
        ]


FAILURES: Mapping[str, Exception | Answer] = {
    "refused entry": (200, {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}),
    "throttled": error("ThrottlingException"),
    "no connection": ReadTimeoutError(endpoint_url="https://events"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_events_that_are_not_wholly_accepted_are_transient(failure: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    made, _ = failing("events", "PutEvents", FAILURES[failure])

    with pytest.raises(TransientError):
        EventBridgeBus(lambda: made, "bus").publish([an_event()])
