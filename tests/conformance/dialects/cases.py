"""Cases of what a dialect answers: reading them, playing them, comparing (format: README.md)."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.http_client import Answer, Form

HERE = Path(__file__).parent
Case = Mapping[str, Any]
Send = Callable[[str, str, Any, Mapping[str, str]], Answer]  # method, URL, body, headers


def every_case() -> Iterator[Any]:
    """All cases, as parameters of a test."""
    for file in sorted(HERE.glob("*/*.json")):
        for case in json.loads(file.read_text(encoding="utf-8")):
            yield pytest.param(case, id=f"{file.parent.name}/{file.stem}: {case['name']}")


def take(send: Send, step: Case, kept: dict[str, str], where: str) -> None:
    """Send the step's request and compare."""
    method, _, url = filled(step["send"], kept).partition(" ")
    body = step["text"] if "text" in step else filled(step.get("body"), kept)
    if "form" in step:
        body = Form(filled(step["form"], kept))
    answer = send(method, url, body, filled(step.get("headers", {}), kept))

    assert answer.status == step["status"], f"{where}: {answer.text[:2000]}"
    for name, expected in step.get("answer_headers", {}).items():
        fits(filled(expected, kept), answer.headers.get(name.lower()), f"{where}: header {name}", exactly=False)
    if "answer" in step:
        fits(filled(step["answer"], kept), answer.json, where, exactly=step.get("exactly", False))
    for name, path in step.get("keep", {}).items():
        kept[name] = member(answer.json, path)


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
