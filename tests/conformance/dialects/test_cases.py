"""Every dialect answers to the letter: the cases in the folders beside this file (format: README.md)."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from forebay.adapters.memory_fetcher import Answer, MemoryFetcher
from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain.document import TenantId
from forebay.service.authenticate import create_key
from forebay.service.engine import Limits, Policy
from tests.conformance.dialects.cases import Case, every_case, filled, take
from tests.http_client import USUAL, Client, engine_on_fakes


@pytest.mark.parametrize("case", list(every_case()))
def test_case(case: Case) -> None:
    client = Client(engine_on_fakes(policy_of(case)))
    kept = {name: create_key(client.engine, TenantId(name), scopes) for name, scopes in case.get("keys", {}).items()}
    kept["tenant"] = "acme"

    for number, step in enumerate(case["steps"], start=1):
        if step.get("work"):
            client.work()
        elif "steps_of_work" in step:
            for _ in range(step["steps_of_work"]):
                client.step()
        elif "seconds" in step:
            client.wait(step["seconds"])
        elif "url" in step:
            put_behind_url(client, step)
        elif "object" in step:
            put_object(client, filled(step["object"], kept))
        else:
            take(client.send, step, kept, f"step {number}: {step['send']}")


def policy_of(case: Case) -> Policy | None:
    """The policy that the case asks for, None for the usual one."""
    if "requests_per_minute" in case:
        return replace(USUAL, limits=Limits(requests_per_minute=case["requests_per_minute"]))
    return Policy() if case.get("anonymous") is False else None


def put_object(client: Client, told: Mapping[str, str]) -> None:
    """An object of a bucket that users fill; without a bucket, the uploads bucket."""
    objects = client.engine.objects
    assert isinstance(objects, MemoryObjects)
    objects.put_object(told.get("bucket", objects.uploads_bucket), told["key"], told["content"].encode())


def put_behind_url(client: Client, told: Case) -> None:
    """What a foreign web server answers from now on."""
    fetcher = client.engine.fetcher
    assert isinstance(fetcher, MemoryFetcher)
    fetcher.answers[told["url"]] = Answer(
        told.get("content", "").encode(),
        told.get("answers", 200),
        told.get("type", ""),
        location=told.get("location", ""),
    )
