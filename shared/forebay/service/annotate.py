"""Annotate a document: the caller's remarks on it, which change without ingesting anything."""

import json
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from forebay.domain.errors import CallerError, TransientError
from forebay.domain.json_text import write_json
from forebay.domain.records import Condition, Is, IsOneOf, Lacks, Refused, Update
from forebay.domain.requests import Address
from forebay.domain.transitions import GONE, DocumentState
from forebay.service.engine import Engine
from forebay.service.references import find_document

_THERE: Final = tuple(state.value for state in DocumentState if state not in GONE)
_TRIES: Final = 6


def annotate(engine: Engine, address: Address, remarks: Mapping[str, JsonValue]) -> None:
    """Make these members of the document's annotations; the others stay, and so does work on the document.

    Idempotent. Raises CallerError not_found, TransientError when others change them all the time.
    """
    for _ in range(_TRIES):
        document = find_document(engine, address)
        if document is None or document.gone:
            raise CallerError("not_found", f"there is no document {address.reference} in {address.collection}")
        known = document.annotations
        merged = {**json.loads(known or "{}"), **remarks}
        still_so: Condition = Is("annotations", known) if known else Lacks("annotations")
        change = Update(
            document.record_key,
            {"annotations": write_json(merged)},
            when=(IsOneOf("state", _THERE), still_so),
        )
        if not isinstance(engine.records.write(change), Refused):
            return
    raise TransientError("the document stays contended")
