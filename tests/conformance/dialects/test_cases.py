"""Every dialect answers to the letter: the cases in the folders beside this file (format: README.md)."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain.document import TenantId
from forebay.service.authenticate import create_key
from forebay.service.engine import Policy
from tests.http_client import Client, Form, engine_on_fakes

HERE = Path(__file__).parent


def cases() -> Iterator[Any]:
    for file in sorted(HERE.glob("*/*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            yield pytest.param(case, id=f"{file.parent.name}/{file.stem}: {case['name']}")


@pytest.mark.parametrize("case", list(cases()))
def test_case(case: Mapping[str, Any]) -> None:
    policy = Policy() if case.get("anonymous") is False else None
    client = Client(engine_on_fakes(policy))
    kept = {name: create_key(client.engine, TenantId(name), scopes) for name, scopes in case.get("keys", {}).items()}

    for number, step in enumerate(case["steps"], start=1):
        if step.get("work"):
            client.work()
        elif "steps_of_work" in step:
            for _ in range(step["steps_of_work"]):
                client.step()
        elif "object" in step:
            put_object(client, filled(step["object"], kept))
        else:
            take(client, step, kept, f"step {number}: {step['send']}")


def take(client: Client, step: Mapping[str, Any], kept: dict[str, str], where: str) -> None:
    """Send the step's request and compare."""
    method, _, url = filled(step["send"], kept).partition(" ")
    body = step["text"] if "text" in step else filled(step.get("body"), kept)
    if "form" in step:
        body = Form(filled(step["form"], kept))
    answer = client.send(method, url, body, filled(step.get("headers", {}), kept))

    assert answer.status == step["status"], f"{where}: {answer.text[:2000]}"
    for name, expected in step.get("answer_headers", {}).items():
        fits(filled(expected, kept), answer.headers.get(name.lower()), f"{where}: header {name}", exactly=False)
    if "answer" in step:
        fits(filled(step["answer"], kept), answer.json, where, exactly=step.get("exactly", False))
    for name, path in step.get("keep", {}).items():
        kept[name] = member(answer.json, path)


def put_object(client: Client, told: Mapping[str, str]) -> None:
    """An object of a bucket that users fill; without a bucket, the uploads bucket."""
    objects = client.engine.objects
    assert isinstance(objects, MemoryObjects)
    objects.put_object(told.get("bucket", objects.uploads_bucket), told["key"], told["content"].encode())


def filled(value: Any, kept: Mapping[str, str]) -> Any:
    """`value` with {name} replaced by what was kept."""
    if isinstance(value, str):
        return re.sub(r"\{(\w+)\}", lambda found: kept.get(found[1], found[0]), value)
    if isinstance(value, list):
        return [filled(each, kept) for each in value]
    return {name: filled(each, kept) for name, each in value.items()} if isinstance(value, dict) else value


def member(value: Any, path: str) -> str:
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    assert isinstance(value, str), path
    return value


def fits(expected: Any, found: Any, where: str, *, exactly: bool) -> None:
    """Is `found` what the case expects?"""
    if isinstance(expected, dict):
        assert isinstance(found, dict), f"{where}: {found!r} is no object"
        assert expected.keys() <= found.keys(), f"{where}: lacks {sorted(expected.keys() - found.keys())}"
        extra = found.keys() - expected.keys() if exactly else set()
        assert not extra, f"{where}: has {sorted(extra)}, too"
        for name, each in expected.items():
            fits(each, found[name], f"{where}.{name}", exactly=exactly)
    elif isinstance(expected, list):
        assert isinstance(found, list), f"{where}: {found!r} is no list"
        assert len(found) == len(expected), f"{where}: {found!r}"
        for number, each in enumerate(expected):
            fits(each, found[number], f"{where}.{number}", exactly=exactly)
    elif isinstance(expected, str) and expected.startswith("~"):
        assert isinstance(found, str), f"{where}: {found!r}"
        assert re.search(expected[1:], found), f"{where}: {found!r}"
    elif expected != "*":
        assert found == expected, f"{where}: {found!r} is not {expected!r}"
        assert isinstance(found, bool) == isinstance(expected, bool), where
