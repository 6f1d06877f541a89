"""Documents of a request as they wait in the object store until they are accepted."""

import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from pydantic import JsonValue

from forebay.domain.requests import DocumentRequest, source_from, source_members

_PLAIN = ("id", "name", "media_type", "position", "memo", "annotations")
Packed: TypeAlias = Mapping[str, JsonValue]


def document_members(document: DocumentRequest) -> dict[str, JsonValue]:
    """The document as members of a JSON object."""
    packed = {name: getattr(document, name) for name in _PLAIN}
    return packed | {"metadata": dict(document.metadata), "source": dict(source_members(document.source))}


def packed_documents(documents: Sequence[DocumentRequest]) -> bytes:
    """The documents as JSON."""
    return json.dumps([document_members(document) for document in documents]).encode()


def unpacked_documents(stored: Sequence[Packed]) -> tuple[DocumentRequest, ...]:
    """The documents of which these are the members."""
    return tuple(
        DocumentRequest(
            **{name: each[name] for name in _PLAIN},  # type: ignore[arg-type]  # as `document_members` wrote them
            metadata=each["metadata"],  # type: ignore[arg-type]
            source=source_from(each["source"]),  # type: ignore[arg-type]
        )
        for each in stored
    )
