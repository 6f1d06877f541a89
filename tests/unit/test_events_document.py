"""docs/events.md is true: its example is told, its receivers verify, its requests are taken, its rules match."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from moto.events.models import EventPattern

from forebay.domain.delivery import WAITS_SECONDS
from forebay.domain.events import EVENT_TYPES, Event
from forebay.domain.signature import signed_headers
from local.template_yaml import read_template
from tests.http_client import Client

ROOT: Final = Path(__file__).resolve().parents[2]
DOCUMENT: Final = (ROOT / "docs/events.md").read_text(encoding="utf-8")
SAMPLES: Final = {file.stem.removeprefix("event_"): file for file in (ROOT / "events").glob("event_*.json")}
JOBS: Final = "/forebay/v1/jobs"
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
UNITS: Final = {"s": 1, "min": 60, "h": 3_600}


def blocks(language: str) -> list[str]:
    """The fenced blocks in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(SAMPLES[name].read_text(encoding="utf-8"))
    return event


def on_the_bus(body: Mapping[str, Any]) -> dict[str, Any]:
    """The event as rules see it."""
    return {"source": Event.bus_source, "detail-type": body["type"], "detail": body}


def matches(rule: Mapping[str, Any], event: Any) -> bool:
    return bool(EventPattern.load(json.dumps(rule["EventPattern"])).matches_event(event))


def rules_of(templates: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: each for template in templates for name, each in of_type(template, "AWS::Events::Rule").items()}


@pytest.fixture
def templates(tmp_path: Path) -> list[dict[str, Any]]:
    read = []
    for number, block in enumerate(blocks("yaml")):
        file = tmp_path / f"{number}.yaml"
        file.write_text(block, encoding="utf-8")
        read.append(read_template(file))
    return read


def of_type(template: Mapping[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: each["Properties"] for name, each in template["Resources"].items() if each["Type"] == kind}


def test_the_body_is_a_sample_and_every_type_is_named() -> None:
    assert json.loads(blocks("json")[0]) == sample("job_succeeded")
    assert all(type_.removeprefix("forebay.document") in DOCUMENT for type_ in EVENT_TYPES)


@pytest.mark.parametrize("receiver", blocks("python"), ids=["library", "by hand"])
def test_a_receiver_takes_what_we_signed_and_nothing_else(receiver: str) -> None:
    names: dict[str, Any] = {}
    exec(receiver, names)  # the document's own
    body = SAMPLES["job_succeeded"].read_bytes()
    headers = dict(signed_headers("evt_1", datetime.now(UTC), body, ["whsec_" + "b3RoZXIx" * 4, SECRET]))
    old = dict(signed_headers("evt_1", datetime(2026, 1, 1, tzinfo=UTC), body, [SECRET]))

    assert names["receive"](SECRET, headers, body) == sample("job_succeeded")
    for given, sent in ((headers, body + b" "), (headers | {"webhook-id": "evt_2"}, body), (old, body)):
        with pytest.raises(Exception, match=r"(?i)sign|old|match"):
            names["receive"](SECRET, given, sent)


def test_the_schedule_is_the_one_that_is_kept() -> None:
    (waits,) = re.findall(r"The ten attempts wait ([^.]*), one after", DOCUMENT)
    found = re.findall(r"(\d+) (\w+)", waits)

    assert [int(number) * UNITS[unit] for number, unit in found] == list(WAITS_SECONDS)


def test_the_requests_are_taken() -> None:
    webhook = json.loads(re.findall(r"-d '(\{.*?\n\})'", DOCUMENT, re.DOTALL)[0])
    amqp = json.loads(blocks("json")[1])

    answers = [Client().send("POST", JOBS, webhook | more) for more in ({}, {"callbacks": [amqp]})]

    assert [answer.status for answer in answers] == [202, 202]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("Ended", {"job_succeeded", "job_partially_succeeded", "job_failed", "job_canceled"}),
        ("Failed", {"job_partially_succeeded", "job_failed", "document_failed"}),
        ("Ready", {"job_succeeded", "job_partially_succeeded"}),
        ("ForTheOthers", set(SAMPLES)),
    ],
)
def test_a_rule_matches_what_it_says(templates: list[dict[str, Any]], rule: str, wanted: set[str]) -> None:
    found = rules_of(templates)[rule]

    assert {name for name in SAMPLES if matches(found, on_the_bus(sample(name)))} == wanted
    assert not matches(found, on_the_bus(sample("job_succeeded")) | {"source": "aws.s3"})


def test_rules_of_one_tenant_pass_over_others(templates: list[dict[str, Any]]) -> None:
    told = sample("job_succeeded")
    others = on_the_bus(told | {"data": told["data"] | {"tenant": "other"}})

    assert {name for name, rule in rules_of(templates).items() if matches(rule, others)} == {"Ready"}


def referred(value: Any) -> Iterator[str]:
    """The names that a template's values refer to."""
    if isinstance(value, Mapping):
        for name, each in value.items():
            if name in ("Ref", "Fn::GetAtt"):
                yield each if name == "Ref" else each[0]
            yield from referred(each)
    elif isinstance(value, list):
        for each in value:
            yield from referred(each)


def test_every_template_names_only_what_it_has(templates: list[dict[str, Any]]) -> None:
    for template in templates:
        assert set(referred(template["Resources"])) <= {*template["Resources"], *template["Parameters"]}


def test_nothing_that_matches_is_lost(templates: list[dict[str, Any]]) -> None:
    """A rule may send to its queue; any other target has dead letters, which it may send to."""
    looked_at = 0
    for template in templates:
        policies = of_type(template, "AWS::SQS::QueuePolicy").values()
        open_to = {
            (policy["Queues"][0]["Ref"], rule) for policy in policies for rule in referred(policy["PolicyDocument"])
        }
        for rule, properties in of_type(template, "AWS::Events::Rule").items():
            for target in properties["Targets"]:
                place = target["DeadLetterConfig"]["Arn"] if "RoleArn" in target else target["Arn"]
                assert (place["Fn::GetAtt"][0], rule) in open_to
                looked_at += 1
    assert looked_at == 4
