"""Writes the JSON Schemas of events into events/schemas: `make schemas`, the same text each time."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from forebay.domain.events import DATA_OF, DOCUMENT_ENDS, JOB_ENDS, JOB_PROGRESS, Event

SCHEMAS: Final = Path(__file__).resolve().parents[1] / "events/schemas"

# The schema's name, and the types of the events that it is for: of one kind of data.
KINDS: Final[Mapping[str, Sequence[str]]] = {
    "job_ended": JOB_ENDS,
    "document_ended": DOCUMENT_ENDS,
    "job_progressed": (JOB_PROGRESS,),
}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the whole event, which is the body of webhooks and the `detail` on the bus."""
    types = KINDS[name]
    data = _of(DATA_OF[types[0]])
    definitions = data.pop("$defs")
    event = _of(Event)
    event["properties"] |= {"type": {"enum": list(types), "type": "string"}, "data": data}
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"forebay {name.replace('_', ' ')}"}
    return {**head, **event, "$defs": definitions}


def _of(model: type[BaseModel]) -> dict[str, Any]:
    told: dict[str, Any] = _as_told(model.model_json_schema(mode="serialization"))
    return told


def _as_told(value: Any) -> Any:
    """Every member is always there, and others may come: who validates by the schema must not break when an event says
    more some day. The models' titles say nothing."""
    if isinstance(value, list):
        return [_as_told(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {name: _as_told(each) for name, each in value.items() if not _is_noise(name, each)}
    names = list(kept["properties"]) if kept.get("type") == "object" and "properties" in kept else []
    return kept | ({"required": names} if names else {})


def _is_noise(name: str, value: Any) -> bool:
    return (name == "title" and isinstance(value, str)) or (name == "additionalProperties" and value is False)


def text(name: str) -> str:
    """What stands in the schema's file."""
    return json.dumps(schema(name), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMAS.mkdir(exist_ok=True)
    for kind in KINDS:
        (SCHEMAS / f"{kind}.json").write_text(text(kind), encoding="utf-8")
