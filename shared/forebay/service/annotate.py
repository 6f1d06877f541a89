"""Annotate a document: the caller's remarks on it, which change without ingesting anything."""

from typing import Final

from forebay.domain.errors import CallerError
from forebay.domain.records import IsOneOf, Refused, Update
from forebay.domain.requests import Address
from forebay.domain.transitions import DocumentState
from forebay.service.engine import Engine
from forebay.service.references import find_document

_GONE: Final = (DocumentState.DELETING, DocumentState.DELETED)
_THERE: Final = tuple(state.value for state in DocumentState if state not in _GONE)


def annotate(engine: Engine, address: Address, annotations: str) -> None:
    """Replace the document's annotations (JSON); work on it goes on. Idempotent. Raises CallerError not_found."""
    document = find_document(engine, address)
    change = {"annotations": annotations}
    if document is None or isinstance(
        engine.records.write(Update(document.record_key, change, when=(IsOneOf("state", _THERE),))), Refused
    ):
        raise CallerError("not_found", f"there is no document {address.reference} in {address.collection}")
