from dataclasses import replace

import pytest

from forebay.adapters.memory_index import MemoryIndex
from forebay.domain.commands import EmbedChunks, ExpandJob, ExtractDocument, PublishDocument, PurgeDocument
from forebay.domain.errors import Superseded
from forebay.domain.job import Redo
from forebay.domain.transitions import DocumentState, JobState, RowState
from forebay.service.bury import DeadLetter, bury
from forebay.service.expand import give_up
from forebay.service.restart import restart_job
from tests.builders import COLLECTION, JOB, TENANT, a_document_request, a_run, a_submit_job
from tests.engines import Driver
from tests.unit.service.scene import Scene, a_scene

RunCommandKind = type[ExtractDocument | EmbedChunks | PublishDocument]


def command_for(scene: Scene, kind: RunCommandKind) -> ExtractDocument | EmbedChunks | PublishDocument:
    document = scene.document()
    of_it = {"tenant": TENANT, "collection": COLLECTION, "key": document.key, "run": document.run, "batch": 0}
    return kind.model_validate({name: value for name, value in of_it.items() if name in kind.model_fields})


@pytest.mark.parametrize(("kind", "steps"), [(ExtractDocument, 0), (EmbedChunks, 1), (PublishDocument, 2)])
def test_a_document_whose_command_died_ends_as_poison(kind: RunCommandKind, steps: int) -> None:
    scene = a_scene()
    scene = replace(scene, engine=replace(scene.engine, index=MemoryIndex()))  # it shows nothing: nothing is published
    job = scene.submit()
    for _ in range(steps):
        Driver(scene.engine).do(scene.queues.sent.pop(0))
    command = command_for(scene, kind)

    bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))
    bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))

    assert (scene.document().state, scene.row(job).error_code) == (DocumentState.FAILED, "poison")
    assert (scene.job(job.id).state, scene.job(job.id).counts.failed) == (JobState.FAILED, 1)
    assert scene.objects.get("buried/m1.json") == command.model_dump_json().encode()


@pytest.mark.parametrize(("kind", "steps"), [(ExtractDocument, 1), (EmbedChunks, 2)])
def test_a_dead_letter_whose_work_another_copy_did_harms_nobody(kind: RunCommandKind, steps: int) -> None:
    scene = a_scene()
    scene = replace(scene, engine=replace(scene.engine, index=MemoryIndex()))
    scene.submit()
    for _ in range(steps):
        Driver(scene.engine).do(scene.queues.sent.pop(0))
    command = command_for(scene, kind)

    bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))

    assert scene.document().state is DocumentState.INDEXING


def test_what_was_buried_is_done_by_a_restart_once_the_cause_is_gone(scene: Scene) -> None:
    job = scene.submit()
    command = command_for(scene, ExtractDocument)
    scene.queues.sent.clear()
    bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))
    buried = scene.job(job.id).state

    restart_job(scene.engine, TENANT, job.id, Redo.FAILED)
    scene.driver.drain()

    assert (buried, scene.job(job.id).state, scene.row(job).state) == (
        JobState.FAILED, JobState.SUCCEEDED, RowState.READY,
    )  # fmt: skip
    assert scene.told() == ["failed", "succeeded"]


def test_a_job_whose_expansion_died_ends_with_every_document_accounted_for(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(30)]))
    command = ExpandJob(tenant=TENANT, job=job.id)

    bury(scene.engine, DeadLetter("m1", "{}", command))
    bury(scene.engine, DeadLetter("m2", "{}", command))

    assert (scene.job(job.id).state, scene.job(job.id).counts.failed) == (JobState.FAILED, 30)
    assert scene.told() == ["failed"]


def test_an_expansion_that_another_has_done_meanwhile_is_not_given_up(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(30)]))
    command = scene.queues.sent.pop()
    read = scene.job(job.id)
    scene.driver.do(command)

    give_up(scene.engine, read)

    assert not scene.job(job.id).ended
    scene.driver.drain()
    assert (scene.job(job.id).state, scene.told()) == (JobState.SUCCEEDED, ["succeeded"])


def test_an_inbox_event_that_died_is_looked_at_once_more(scene: Scene) -> None:
    scene.objects.put_upload("inbox/acme/manuals/guide", b"turbine manual")

    bury(scene.engine, DeadLetter("m1", "{}", object_key="inbox/acme/manuals/guide"))
    scene.driver.drain()

    assert scene.found("turbine") == ["turbine manual"]


def test_an_expansion_of_an_unknown_job_is_only_kept(scene: Scene) -> None:
    bury(scene.engine, DeadLetter("m1", "{}", ExpandJob(tenant=TENANT, job=JOB)))

    assert scene.data_objects() == ["buried/m1.json"]


def test_what_nobody_can_read_is_kept(scene: Scene) -> None:
    bury(scene.engine, DeadLetter("m1", "not a command \U0001f4a9"))

    assert scene.objects.get("buried/m1.json") == "not a command \U0001f4a9".encode()


def test_a_purge_that_died_is_left_to_sweep(scene: Scene) -> None:
    scene.ingest("turbine manual")
    before = scene.document()
    command = PurgeDocument(tenant=TENANT, collection=COLLECTION, key=before.key)

    bury(scene.engine, DeadLetter("m1", "{}", command))

    assert scene.document() == before


def test_a_command_of_a_run_that_lost_its_document_harms_nobody(scene: Scene) -> None:
    scene.ingest("turbine manual")
    dead = ExtractDocument(tenant=TENANT, collection=COLLECTION, key=scene.document().key, run=a_run("job_of_before"))

    with pytest.raises(Superseded):
        bury(scene.engine, DeadLetter("m1", "{}", dead))
    assert scene.found("turbine") == ["turbine manual"]
