from dataclasses import replace

import pytest

from forebay.domain import keys
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.requests import BadSource, TextSource, Window
from forebay.domain.stored_document import Options
from forebay.service.remove_collection import remove_collection
from forebay.service.watch import JobFilter, job_view, job_views, row_views, view_of
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, words

STANDS = ("queued", "running", "ready", "unchanged", "failed", "canceled")


def mixed(scene: Scene) -> JobId:
    """A job with documents that end in several ways."""
    scene.ingest("same", "unchanged")
    texts = {"good": "turbine", "broken": "!corrupt x", "unchanged": "same"}
    documents = [a_document_request(id_, TextSource(text)) for id_, text in texts.items()]
    documents.append(a_document_request("bad", BadSource("invalid_base64", "no")))
    return scene.submit(a_submit_job(documents)).id


def test_the_counts_of_a_job_add_up_at_every_step(scene: Scene) -> None:
    job = mixed(scene)

    for _ in range(20):
        view = job_view(scene.engine, TENANT, job)
        assert view.documents["total"] == 4 == sum(view.documents[stand] for stand in STANDS)
        assert min(view.documents.values()) >= 0
        assert 0.0 <= view.progress <= 1.0
        if not scene.queues.sent:
            break
        scene.driver.do(scene.queues.sent.pop(0))

    assert {stand: view.documents[stand] for stand in STANDS} == {
        "queued": 0, "running": 0, "ready": 1, "unchanged": 1, "failed": 2, "canceled": 0,
    }  # fmt: skip
    assert (view.status.value, view.progress) == ("partially_succeeded", 1.0)


def test_a_job_runs_from_the_first_document_that_is_taken_up(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request("a"), a_document_request("b")]))
    before = job_view(scene.engine, TENANT, job.id)
    scene.driver.do(scene.queues.sent.pop(0))
    after = job_view(scene.engine, TENANT, job.id)

    assert (before.status.value, before.started_at) == ("queued", "")
    assert (after.status.value, after.documents["running"], after.running_counted) == ("running", 1, True)
    assert after.started_at != ""


def test_chunks_and_batches_are_told_while_they_are_embedded(scene: Scene) -> None:
    request = a_submit_job([a_document_request(source=TextSource(words(3_000)))], options=Options(20, 0))
    job = scene.submit(request)
    for _ in range(2):
        scene.driver.do(scene.queues.sent.pop(0))

    view = job_view(scene.engine, TENANT, job.id)

    document = scene.document()
    assert view.chunks["total"] == document.chunks
    assert view.batches == {"total": document.batches, "done": 1}
    assert 0.0 < view.progress < 1.0


def test_the_running_documents_of_a_large_job_are_not_counted(scene: Scene) -> None:
    documents = [a_document_request(f"d{number}", TextSource("x")) for number in range(201)]
    job = scene.submit(a_submit_job(documents))
    scene.driver.do(scene.queues.sent.pop(0))
    scene.driver.do(scene.queues.sent.pop(0))
    large = job_view(scene.engine, TENANT, job.id)
    scene.driver.drain(most=2_000)
    ended = job_view(scene.engine, TENANT, job.id)

    assert (large.running_counted, large.documents["running"], large.documents["queued"]) == (False, 0, 201)
    assert (ended.running_counted, ended.documents["ready"]) == (True, 201)


def test_the_last_running_documents_of_a_very_large_job_are_not_looked_for_among_all(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request("a"), a_document_request("b")]))
    scene.driver.do(scene.queues.sent.pop(0))
    counter = keys.counter(job.id, 0)
    scene.records.records[counter] = {**scene.records.records[counter], "ready": 20_000}

    view = view_of(scene.engine, replace(scene.job(job.id), total=20_002))

    assert (view.running_counted, view.documents["running"], view.documents["queued"]) == (False, 0, 2)


def test_a_removal_that_grows_while_it_is_looked_at_never_counts_below_zero(scene: Scene) -> None:
    scene.ingest("turbine")
    job = remove_collection(scene.engine, TENANT, COLLECTION)

    view = view_of(scene.engine, replace(scene.job(job.id), total=0))

    assert (view.documents["total"], view.documents["queued"], view.documents["running"]) == (1, 0, 1)


def test_another_tenants_job_is_not_found(scene: Scene) -> None:
    job = scene.submit()

    for tenant, id_ in ((TenantId("other"), job.id), (TENANT, JobId("job_none"))):
        with pytest.raises(CallerError) as raised:
            job_view(scene.engine, tenant, id_)
        assert raised.value.code == "not_found"


def test_jobs_are_listed_newest_first_page_by_page(scene: Scene) -> None:
    jobs = []
    for number in range(5):
        jobs.append(scene.submit(a_submit_job([a_document_request(f"d{number}")])).id)
        scene.clock.move(1)

    listed, cursor = [], None
    for _ in range(3):
        views, cursor = job_views(scene.engine, TENANT, JobFilter(), Window(2, cursor))
        listed += [view.job.id for view in views]

    assert (listed, cursor) == (jobs[::-1], None)


def test_jobs_are_listed_by_collection_status_kind_and_time(scene: Scene) -> None:
    first = scene.ingest("turbine", "a")
    scene.clock.move(10)
    second = scene.submit(a_submit_job([a_document_request("b")], collection="papers"))

    def listed(**wanted: str) -> list[str]:
        return [view.job.id for view in job_views(scene.engine, TENANT, JobFilter(**wanted), Window(10))[0]]

    assert listed(collection="papers") == [second.id]
    assert listed(status="succeeded") == [first.id]
    assert listed(status="queued") == [second.id]
    assert listed(kind="delete") == []
    assert listed(created_after=first.created_at) == [second.id]
    assert listed(created_before=second.created_at) == [first.id]


def test_another_tenants_jobs_are_not_listed(scene: Scene) -> None:
    scene.submit()

    assert job_views(scene.engine, TenantId("other"), JobFilter(), Window(10)) == ([], None)


def test_the_documents_of_a_job_are_told_one_by_one(scene: Scene) -> None:
    job = mixed(scene)
    before = {view.row.document_id: view.status for view in row_views(scene.engine, TENANT, job, None, Window(10))[0]}
    scene.driver.drain()
    after = {str(view.row.document_id): view for view in row_views(scene.engine, TENANT, job, None, Window(10))[0]}

    assert before == {"good": "queued", "broken": "queued", "unchanged": "queued", "bad": "failed"}
    assert {id_: (view.status, view.error_code) for id_, view in after.items()} == {
        "good": ("ready", ""),
        "broken": ("failed", "corrupt"),
        "unchanged": ("unchanged", ""),
        "bad": ("failed", "invalid_base64"),
    }
    assert (after["good"].chunks_total, after["good"].chunks_done, after["good"].attempts) == (1, 1, 1)


def test_the_documents_of_a_job_are_filtered_and_walked_over_all_shards(scene: Scene) -> None:
    documents = [
        a_document_request(f"d{number}", TextSource("!corrupt" if number % 3 else "x")) for number in range(210)
    ]
    job = scene.submit(a_submit_job(documents)).id
    scene.driver.drain(most=2_000)

    listed: list[str] = []
    cursor = None
    for _ in range(40):
        views, cursor = row_views(scene.engine, TENANT, job, "ready", Window(9, cursor))
        listed += [view.row.document_id for view in views]
        if cursor is None:
            break

    assert sorted(listed) == sorted(f"d{number}" for number in range(0, 210, 3))


@pytest.mark.parametrize("cursor", ["", "!", "bm90IGpzb24", "WzksICIiXQ", "e30", "WzAsIDFd", "WyIwIiwgIiJd"])
def test_a_cursor_that_was_never_given_out_is_refused(scene: Scene, cursor: str) -> None:
    job = scene.submit()

    with pytest.raises(CallerError) as raised:
        row_views(scene.engine, TENANT, job.id, None, Window(10, cursor))
    assert raised.value.code == "invalid_request"
