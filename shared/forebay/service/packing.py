"""Documents of a request as they wait in the object store until they are accepted."""

import json
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from forebay.domain.requests import DocumentRequest, source_from, source_members

_DOCUMENTS = "documents"


def packed_documents(documents: Sequence[DocumentRequest], beside: Mapping[str, JsonValue] | None = None) -> bytes:
    """The documents as a JSON object, with what else is to stand in it."""
    return json.dumps({**(beside or {}), _DOCUMENTS: [_members(document) for document in documents]}).encode()


def _members(document: DocumentRequest) -> dict[str, JsonValue]:
    return {
        "id": document.id,
        "name": document.name,
        "media_type": document.media_type,
        "position": document.position,
        "memo": document.memo,
        "annotations": document.annotations,
        "metadata": dict(document.metadata),
        "source": dict(source_members(document.source)),
    }


def unpacked_documents(packed: bytes) -> tuple[DocumentRequest, ...]:
    """The documents in such an object."""
    return tuple(
        DocumentRequest(
            id=each["id"],
            name=each["name"],
            media_type=each["media_type"],
            source=source_from(each["source"]),
            metadata=each["metadata"],
            position=each["position"],
            memo=each["memo"],
            annotations=each["annotations"],
        )
        for each in json.loads(packed)[_DOCUMENTS]
    )
