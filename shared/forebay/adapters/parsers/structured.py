"""JSON and JSON lines as readable lines of `name: value`; what is not valid JSON is read as the text that it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from forebay.adapters.parsers import plain
from forebay.adapters.parsers.outcome import PageText
from forebay.adapters.parsers.plain import decoded

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_Scalar = str | int | float | bool | None
_Value = dict[str, "_Value"] | list["_Value"] | _Scalar


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page; records of a list are parted by blank lines, nested members are indented."""
    try:
        if os.path.getsize(path) > limits.markup_bytes:
            raise ValueError("too large to be held as a tree")
        with open(path, "rb") as file:
            text = "\n".join(_lines(_read(decoded(file.read())), "")).strip("\n")
    except (ValueError, RecursionError):
        yield from plain.pages(path, limits)
        return
    yield PageText(text)


def _read(text: str) -> _Value:
    """One JSON value, or one a line. Raises ValueError."""
    text = text.lstrip("\ufeff")
    try:
        whole: _Value = json.loads(text)
    except ValueError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return whole


def _lines(value: _Value, indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, dict | list):
                yield f"{indent}{name}:"
                yield from _lines(member, indent + "  ")
            else:
                yield f"{indent}{name}: {_scalar(member)}"
    elif isinstance(value, list):
        for member in value:
            if isinstance(member, dict | list):
                yield from _lines(member, indent)
                yield ""
            else:
                yield f"{indent}- {_scalar(member)}"
    else:
        yield indent + _scalar(value)


def _scalar(value: _Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)
