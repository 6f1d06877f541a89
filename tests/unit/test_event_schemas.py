"""The schemas of events are those of the models, and what is told fits them: samples, and what the engine publishes."""

import json
from collections.abc import Mapping
from typing import Any, Final

import jsonschema
import pytest

from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.events import DATA_OF, EVENT_TYPES, Event
from forebay.domain.requests import RemoveDocuments, TextSource
from forebay.service.cancel import cancel_job
from forebay.service.remove import remove_documents
from local.make_schemas import KINDS, SCHEMAS, text
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, a_scene

SAMPLES: Final = sorted(SCHEMAS.parent.glob("event_*.json"))


def validate(event: Mapping[str, Any]) -> None:
    """By the one schema for its type."""
    (kind,) = (kind for kind, types in KINDS.items() if event["type"] in types)
    jsonschema.validate(event, json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_that_of_its_model(kind: str) -> None:
    there = (SCHEMAS / f"{kind}.json").read_text(encoding="utf-8")

    assert there == text(kind), "run `make schemas`"
    jsonschema.Draft202012Validator.check_schema(json.loads(there))


def test_every_type_of_event_has_one_schema_and_a_sample() -> None:
    samples = [json.loads(file.read_text(encoding="utf-8"))["type"] for file in SAMPLES]

    assert sorted(types for kind in KINDS.values() for types in kind) == sorted(EVENT_TYPES) == sorted(samples)
    assert {file.stem for file in SCHEMAS.iterdir()} == KINDS.keys()


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_a_sample_fits_its_schema_and_its_model(file: Any) -> None:
    sample = json.loads(file.read_text(encoding="utf-8"))

    validate(sample)
    told = DATA_OF[sample["type"]].model_validate(Event.model_validate(sample).data)
    assert told.model_dump(mode="json") == sample["data"]


def all_that_can_happen(scene: Scene) -> None:
    """Jobs that end in every way, told of all that happens to them."""
    callbacks = callbacks_text([Callback(Means.WEBHOOK, ("*",), url="https://hooks.example.com/a")])
    good, bad = a_document_request("good", TextSource("turbine")), a_document_request("bad", TextSource("!corrupt x"))
    for documents in ([good], [bad], [good, bad]):
        scene.clock.move(10)
        scene.submit(a_submit_job(documents, callbacks=callbacks))
        scene.driver.drain()
    cancel_job(scene.engine, TENANT, scene.submit(a_submit_job([good], callbacks=callbacks)).id)
    scene.driver.drain()
    remove_documents(scene.engine, RemoveDocuments(TENANT, COLLECTION, ("good",), callbacks=callbacks))
    scene.driver.drain()


def test_whatever_is_told_fits_its_schema() -> None:
    scene = a_scene()

    all_that_can_happen(scene)

    assert {event.type for event in scene.bus.published} == set(EVENT_TYPES)
    for event in scene.bus.published:
        validate(event.model_dump(mode="json"))


def test_a_member_that_comes_some_day_does_not_break_who_validates() -> None:
    sample = json.loads(SAMPLES[0].read_text(encoding="utf-8"))

    validate(sample | {"more": 1, "data": sample["data"] | {"more": 1}})
    with pytest.raises(jsonschema.ValidationError):
        validate({name: value for name, value in sample.items() if name != "specversion"})
