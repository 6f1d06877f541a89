import pytest

from forebay.domain.commands import EmbedChunks, ExpandJob, ExtractDocument, PublishDocument, PurgeDocument
from forebay.domain.errors import Superseded
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.bury import bury
from tests.builders import COLLECTION, JOB, TENANT, a_document_request, a_run, a_submit_job
from tests.unit.service.scene import Scene


@pytest.mark.parametrize("kind", [ExtractDocument, EmbedChunks, PublishDocument])
def test_a_document_whose_command_died_ends_as_poison(
    scene: Scene, kind: type[ExtractDocument | EmbedChunks | PublishDocument]
) -> None:
    job = scene.submit()
    document = scene.document()
    of_it = {"tenant": TENANT, "collection": COLLECTION, "key": document.key, "run": document.run, "batch": 0}
    command = kind.model_validate({name: value for name, value in of_it.items() if name in kind.model_fields})

    bury(scene.engine, command, command.model_dump_json(), "m1")
    bury(scene.engine, command, command.model_dump_json(), "m1")

    assert (scene.document().state, scene.row(job).error_code) == (DocumentState.FAILED, "poison")
    assert (scene.job(job.id).state, scene.job(job.id).counts.failed) == (JobState.FAILED, 1)
    assert scene.objects.get("buried/m1.json") == command.model_dump_json().encode()


def test_a_job_whose_expansion_died_ends(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(f"d{number}") for number in range(30)]))
    command = ExpandJob(tenant=TENANT, job=job.id)

    bury(scene.engine, command, "{}", "m1")
    bury(scene.engine, command, "{}", "m2")

    assert (scene.job(job.id).state, scene.job(job.id).error_code) == (JobState.FAILED, "poison")
    assert scene.told() == ["failed"]


def test_an_expansion_of_an_unknown_job_is_only_kept(scene: Scene) -> None:
    bury(scene.engine, ExpandJob(tenant=TENANT, job=JOB), "{}", "m1")

    assert scene.data_objects() == ["buried/m1.json"]


def test_what_nobody_can_read_is_kept(scene: Scene) -> None:
    bury(scene.engine, None, "not a command \U0001f4a9", "m1")

    assert scene.objects.get("buried/m1.json") == "not a command \U0001f4a9".encode()


def test_a_purge_that_died_is_left_to_sweep(scene: Scene) -> None:
    scene.ingest("turbine manual")
    before = scene.document()
    command = PurgeDocument(tenant=TENANT, collection=COLLECTION, key=before.key)

    bury(scene.engine, command, "{}", "m1")

    assert scene.document() == before


def test_a_command_of_a_run_that_lost_its_document_harms_nobody(scene: Scene) -> None:
    scene.ingest("turbine manual")
    dead = ExtractDocument(tenant=TENANT, collection=COLLECTION, key=scene.document().key, run=a_run("job_of_before"))

    with pytest.raises(Superseded):
        bury(scene.engine, dead, "{}", "m1")
    assert scene.found("turbine") == ["turbine manual"]
