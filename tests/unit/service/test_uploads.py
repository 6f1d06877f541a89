import pytest

from forebay.domain.document import JobId
from forebay.domain.errors import CallerError
from forebay.domain.requests import UploadSource
from forebay.domain.transitions import JobState, RowState
from forebay.service.uploads import Upload, check_upload, known_upload, remove_upload, request_upload, store_upload
from forebay.service.watch import job_view
from tests.builders import TENANT, a_document_request, a_request_upload, a_submit_job
from tests.unit.service.scene import Scene


def arrive(scene: Scene, upload: Upload, content: bytes = b"turbine scan") -> None:
    """The user sends the file, and the event comes."""
    scene.objects.put_upload(f"uploads/{TENANT}/{upload.upload_id}", content)
    check_upload(scene.engine, TENANT, upload.upload_id)


def job_of(upload: Upload) -> JobId:
    assert upload.job_id is not None
    return upload.job_id


def test_a_form_binds_size_and_type_and_the_job_waits(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(size_bytes=77))

    assert (upload.form.fields["most"], upload.form.fields["Content-Type"]) == ("77", "text/plain")
    assert scene.row(scene.job(job_of(upload)), "scan.txt").state is RowState.AWAITING_UPLOAD
    assert job_view(scene.engine, TENANT, job_of(upload)).documents["queued"] == 1
    assert scene.queues.sent == []


@pytest.mark.parametrize("size", [0, -1, 200_000_001])
def test_a_form_for_no_file_or_one_that_is_too_large_is_refused(scene: Scene, size: int) -> None:
    with pytest.raises(CallerError) as raised:
        request_upload(scene.engine, a_request_upload(size_bytes=size))
    assert raised.value.problems[0].loc == ("body", "size_bytes")


def test_the_file_starts_its_job(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(metadata={"year": 1999}))
    arrive(scene, upload)
    scene.driver.drain()

    assert scene.job(job_of(upload)).state is JobState.SUCCEEDED
    assert scene.found("scan") == ["turbine scan"]


def test_a_file_that_is_announced_twice_starts_once(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    arrive(scene, upload)
    check_upload(scene.engine, TENANT, upload.upload_id)
    arrive(scene, upload, b"another scan")
    scene.driver.drain()

    assert scene.found("scan") == ["turbine scan"]
    assert scene.told() == ["succeeded"]


def test_an_event_without_a_file_changes_nothing(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())

    check_upload(scene.engine, TENANT, upload.upload_id)
    check_upload(scene.engine, TENANT, "up_unknown")

    assert scene.job(job_of(upload)).state is JobState.QUEUED


def test_an_upload_that_never_comes_fails_its_job(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    scene.driver.sweep_until_rest()

    job = scene.job(job_of(upload))
    assert (job.state, scene.row(job, "scan.txt").error_code) == (JobState.FAILED, "upload_expired")
    assert scene.told() == ["failed"]


def test_a_file_that_comes_after_the_expiry_changes_nothing(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    scene.driver.sweep_until_rest()
    arrive(scene, upload)

    assert scene.queues.sent == []
    assert scene.job(job_of(upload)).counts.failed == 1


def test_an_upload_that_waits_is_named_in_a_job(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False))
    arrive(scene, upload)
    unstarted = list(scene.queues.sent)

    job = scene.submit(a_submit_job([a_document_request("scan", UploadSource(upload.upload_id))]))
    scene.driver.drain()

    assert (upload.job_id, unstarted) == (None, [])
    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert scene.row(job, "scan").name == "scan.txt"
    assert scene.found("scan") == ["turbine scan"]


def test_an_upload_that_was_named_may_be_named_again_for_its_document_however_late(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False))
    arrive(scene, upload)
    scan = a_document_request("scan", UploadSource(upload.upload_id))
    scene.submit(a_submit_job([scan]))
    scene.driver.drain()
    scene.clock.move(2 * 86_400)

    job = scene.submit(a_submit_job([scan]))
    scene.driver.drain()

    assert scene.row(job, "scan").state is RowState.UNCHANGED


def test_an_upload_that_nobody_named_in_its_time_has_expired(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False))
    arrive(scene, upload)
    scene.clock.move(2 * 86_400)

    job = scene.submit(a_submit_job([a_document_request("scan", UploadSource(upload.upload_id))]))

    assert scene.row(job, "scan").error_code == "upload_expired"


def test_an_upload_that_starts_its_own_job_cannot_be_named_in_another(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload())
    arrive(scene, upload)

    job = scene.submit(a_submit_job([a_document_request("scan", UploadSource(upload.upload_id))]))

    assert scene.row(job, "scan").error_code == "upload_missing"


def test_an_upload_that_waits_is_missing_until_the_file_has_come(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False))

    job = scene.submit(a_submit_job([a_document_request("scan", UploadSource(upload.upload_id))]))

    assert scene.row(job, "scan").error_code == "upload_missing"


def test_another_tenants_upload_is_missing(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False, tenant="other"))
    scene.objects.put_upload(f"uploads/other/{upload.upload_id}", b"secret")

    job = scene.submit(a_submit_job([a_document_request("scan", UploadSource(upload.upload_id))]))
    check_upload(scene.engine, TENANT, upload.upload_id)

    assert scene.row(job, "scan").error_code == "upload_missing"


def test_a_file_that_came_with_the_request_waits_like_one_that_was_sent(scene: Scene) -> None:
    stored = store_upload(scene.engine, a_request_upload(start=False, memo='{"purpose": "x"}'), b"turbine scan")

    known = known_upload(scene.engine, TENANT, stored.upload_id)
    job = scene.submit(a_submit_job([a_document_request("scan", UploadSource(stored.upload_id))]))
    scene.driver.drain()

    assert known == stored
    assert (stored.name, stored.size_bytes, stored.arrived, stored.memo) == ("scan.txt", 12, True, '{"purpose": "x"}')
    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_an_upload_is_known_before_its_file_has_come(scene: Scene) -> None:
    upload = request_upload(scene.engine, a_request_upload(start=False, size_bytes=77))

    known = known_upload(scene.engine, TENANT, upload.upload_id)

    assert known is not None
    assert (known.size_bytes, known.arrived) == (77, False)


def test_a_removed_upload_is_gone_with_its_file(scene: Scene) -> None:
    stored = store_upload(scene.engine, a_request_upload(start=False), b"turbine scan")

    assert remove_upload(scene.engine, TENANT, stored.upload_id)

    assert scene.objects.buckets["uploads"] == {}
    assert known_upload(scene.engine, TENANT, stored.upload_id) is None
    assert not remove_upload(scene.engine, TENANT, stored.upload_id)


def test_uploads_of_others_and_those_with_a_job_are_nobodys_to_read_or_remove(scene: Scene) -> None:
    others = [
        store_upload(scene.engine, a_request_upload(start=False, tenant="other"), b"secret").upload_id,
        request_upload(scene.engine, a_request_upload()).upload_id,
    ]

    assert [known_upload(scene.engine, TENANT, id_) for id_ in others] == [None, None]
    assert [remove_upload(scene.engine, TENANT, id_) for id_ in others] == [False, False]
