"""A soak asks for the same again by its seed, and its audit sees whatever is not as it has to be."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from local.soak.audit import Held, Promised, differences
from local.soak.ledger import Indexed, Passage
from local.soak.plan import Content, Kind, Wanted, errands

NOON = "2026-11-25T12:00:00.000Z"
CALLBACKS = json.dumps([{"means": "webhook", "events": ["forebay.*"]}])
PROGRESS, READY, END = (
    {"id": f"evt_{number}", "type": type_, "data": {"job_id": "job_1", "sequence": number, **more}}
    for number, (type_, more) in enumerate(
        {
            "forebay.job.progress": {},
            "forebay.document.ready": {"document": {"key": "doc_guide", "finished_at": NOON}},
            "forebay.job.succeeded": {},
        }.items(),
        1,
    )
)
GUIDE = Content("guide.txt", b"turbine")
CLEAN = frozenset({Passage(0, "a"), Passage(1, "b")})


def test_a_seed_decides_all_errands() -> None:
    wanted = Wanted(documents=1000, clients=16, minutes=1, seed=7)

    assert errands(wanted) == errands(wanted)
    assert errands(wanted) != errands(replace(wanted, seed=8))


@pytest.mark.parametrize("documents", [60, 1000])
def test_errands_bring_as_many_documents_as_were_wanted_of_every_kind(documents: int) -> None:
    made = errands(Wanted(documents, clients=16, minutes=1, seed=7))

    names = [document for errand in made for document in errand.documents]
    assert (len(names), len(set(names))) == (documents, documents)
    assert {errand.kind for errand in made} == set(Kind)


def document(name: str, state: str = "ready", run: str = "run_1") -> dict[str, Any]:
    visible = {"visible": {"run": run, "chunks": 2, "origin": f"sources/{run}/x"}} if state == "ready" else {}
    return {"pk": "T#local#C#soak#0", "sk": f"D#doc_{name}", "id": name, "state": state, **visible}


def job(**counts: int) -> list[dict[str, Any]]:
    row = {"pk": "JOB#job_1#0", "sk": "R#doc_guide", "id": "guide", "state": "ready", "run": "run_1", "finished": NOON}
    meta = {"pk": "JOB#job_1", "sk": "META", "state": "succeeded", "total": 1, "created": NOON, "callbacks": CALLBACKS}
    return [{**meta, **({"ready": 1} | counts)}, row, event(END), event(READY)]


def event(body: Mapping[str, Any], state: str = "delivered", epoch: str = NOON) -> dict[str, Any]:
    facts = {"job": "job_1", "epoch": epoch, "type": body["type"], "targets": {"0": {"state": state}}}
    return {"pk": "JOB#job_1", "sk": f"E#{body['id']}", "body": json.dumps(body), **facts}


def entry(number: int, content: str, run: str = "run_1") -> Indexed:
    return Indexed(f"{run}:{number}", "soak", run, "guide", Passage(number, content))


HELD = Held(
    records=[document("guide"), *job()],
    indexed=[entry(0, "a"), entry(1, "b")],
    data=["runs/run_1/x/000000.json", "sources/run_1/x", "sources/run_unheard/x", "buried/m1.json"],
    uploads=[],
    messages={},
)
PROMISED = Promised(
    {"guide": GUIDE},
    {"job_1": "succeeded"},
    {"guide.txt": CLEAN},
    buried=1,
    heard=[READY, END, END],
    unrecorded_most=1,
)


def test_a_stack_that_kept_its_promises_has_no_differences() -> None:
    assert differences(HELD, PROMISED) == []


def test_what_is_visible_though_it_was_canceled_is_told() -> None:
    found = differences(HELD, replace(PROMISED, fates={"guide": None}))

    assert any("guide is ready, and should be gone" in line for line in found)


def with_records(held: Held, *records: dict[str, Any]) -> Held:
    return replace(held, records=[*held.records, *records])


def without(held: Held, sk: str) -> Held:
    return replace(held, records=[record for record in held.records if record["sk"] != sk])


SPOILED: dict[str, Callable[[Held], Held]] = {
    "a chunk is missing": lambda held: replace(held, indexed=held.indexed[:1]),
    "a chunk is another": lambda held: replace(held, indexed=[entry(0, "a"), entry(1, "c")]),
    "a chunk is there twice": lambda held: replace(held, indexed=[*held.indexed, entry(2, "b")]),
    "a dead run's chunk": lambda held: replace(held, indexed=[*held.indexed, entry(0, "a", "run_0")]),
    "a dead run's object": lambda held: replace(held, data=[*held.data, "runs/run_0/x/000000.json"]),
    "a dead run's content": lambda held: replace(held, data=[*held.data, "sources/run_1/y"]),
    "content of too many dead requests": lambda held: replace(held, data=[*held.data, "sources/run_0/x"]),
    "an upload of nothing": lambda held: replace(held, uploads=["uploads/local/up_1"]),
    "a document in work": lambda held: replace(held, records=[document("guide", "indexing"), *job()]),
    "a document too many": lambda held: replace(held, records=[*held.records, document("other", "failed")]),
    "no document": lambda held: replace(held, records=job()),
    "a count too many": lambda held: replace(held, records=[document("guide"), *job(failed=1)]),
    "an event of nothing": lambda held: with_records(held, event(END | {"id": "evt_9"})),
    "an event that waits": lambda held: with_records(without(held, "E#evt_3"), event(END, "pending")),
    "a job that ended unsaid": lambda held: without(held, "E#evt_3"),
    "a job that ended otherwise": lambda held: with_records(
        without(held, "E#evt_3"), event(END | {"type": "forebay.job.failed"})
    ),
    "a document that ended unsaid": lambda held: without(held, "E#evt_2"),
    "a message left": lambda held: replace(held, messages={"EmbedDeadLetters": 1}),
    "a message buried": lambda held: replace(held, data=[*held.data, "buried/m2.json"]),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_whatever_is_not_as_it_has_to_be_is_told(spoil: Callable[[Held], Held]) -> None:
    assert len(differences(spoil(HELD), PROMISED)) >= 1


@pytest.mark.parametrize(
    "heard",
    [
        [READY],
        [END],
        [READY, END, END | {"id": "evt_9"}],
        [READY, END, PROGRESS],
    ],
    ids=["no end", "no document", "something unheard of", "progress after the end"],
)
def test_whatever_was_not_heard_as_it_has_to_be_is_told(heard: list[Mapping[str, Any]]) -> None:
    held = with_records(HELD, event(PROGRESS))

    assert len(differences(held, replace(PROMISED, heard=heard))) == 1


def test_progress_may_come_before_the_end_or_not_at_all() -> None:
    held = with_records(HELD, event(PROGRESS, "dropped"))

    assert differences(held, PROMISED) == []
    assert differences(held, replace(PROMISED, heard=[PROGRESS, READY, END])) == []
