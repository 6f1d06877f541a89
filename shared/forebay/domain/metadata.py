"""Metadata: what a document carries beside its text, what of it filters can see, and how it reads as text."""

import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from forebay.domain.document import Metadata, is_name
from forebay.domain.job import metadata_text

KEYS_MOST: Final = 64
_INT64: Final = 2**63


def filterable_part(members: Mapping[str, JsonValue], bytes_most: int) -> Metadata:
    """The members that filters can see, one after the other as long as metadata may have more."""
    kept: dict[str, JsonValue] = {}
    left = bytes_most
    for name, value in members.items():
        size = len(metadata_text({name: value}).encode())
        if _filterable(name, value) and size <= left and len(kept) < KEYS_MOST:
            kept[name] = value
            left -= size
    return kept


def _filterable(name: str, value: JsonValue) -> bool:
    return is_name(name) and all(_is_scalar(each) for each in (value if isinstance(value, list) else [value]))


def _is_scalar(value: JsonValue) -> bool:
    if isinstance(value, int):
        return -_INT64 <= value < _INT64
    return isinstance(value, str | float)


def members_line(members: Mapping[str, JsonValue]) -> str:
    """The scalar members as one line of text, `name: "value"` by ascending name. Numbers and booleans are JSON; null,
    lists and objects are left out; inner quotes become spaces. Empty when nothing is said.

    Source: EmbeddingStudio, `embedding_studio/embeddings/data/transforms/dict/line_from_dict.py`.
    """
    said = {name: _said(value) for name, value in members.items() if isinstance(value, str | int | float)}
    if not any(text.strip() for text in said.values()):
        return ""
    return " ".join(f'{name}: "{text}"' for name, text in sorted(said.items()))


def _said(value: str | float) -> str:
    return value.replace('"', " ") if isinstance(value, str) else json.dumps(value)
