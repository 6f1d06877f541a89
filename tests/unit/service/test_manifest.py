import json
from dataclasses import replace

import pytest

from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain import keys
from forebay.domain.commands import ExpandJob
from forebay.domain.document import ObjectRef
from forebay.domain.errors import CallerError, Superseded, TransientError
from forebay.domain.job import Job, Redo, Row, row_of
from forebay.domain.requests import Address, ObjectSource, RequestUpload, UploadSource, Window
from forebay.domain.transitions import JobState
from forebay.service import manifest as reading
from forebay.service.bury import DeadLetter, bury
from forebay.service.cancel import cancel_job
from forebay.service.engine import Limits, Policy
from forebay.service.expand import expand
from forebay.service.remove import remove_document
from forebay.service.restart import restart_job
from forebay.service.submit import dry_run, submit
from forebay.service.uploads import request_upload
from forebay.service.watch import row_views
from tests.builders import COLLECTION, TENANT, a_submit_job
from tests.engines import memory_engine
from tests.unit.service.scene import Scene, a_scene

BUCKET, KEY = "archive", "list.ndjson"
LIMITS = Limits(manifest_bundle=8, manifest_line_bytes=200, manifest_documents=100)


@pytest.fixture
def scene() -> Scene:
    return a_scene(Policy(limits=LIMITS, allowed_buckets=frozenset({f"*:{BUCKET}"})))


def line(id_: str, text: str = "turbine") -> bytes:
    return json.dumps({"id": id_, "source": {"type": "text", "text": f"{text} {id_}"}}).encode()


def lines(count: int) -> bytes:
    return b"\n".join(line(f"d{number}") for number in range(count))


def asked(scene: Scene, content: bytes) -> Job:
    scene.objects.put_object(BUCKET, KEY, content)
    return scene.submit(replace(a_submit_job([]), manifest=ObjectSource(BUCKET, KEY)))


def done(scene: Scene, content: bytes) -> Job:
    job = asked(scene, content)
    scene.driver.drain()
    return scene.job(job.id)


def rows(scene: Scene, job: Job) -> dict[str, Row]:
    of_job = f"JOB#{job.id}#"
    kept = scene.records.records.items()
    found = [row_of(record) for key, record in kept if key.pk.startswith(of_job) and key.sk.startswith("R#")]
    return {row.document_id: row for row in found}


class Dripping(MemoryObjects):
    """Gives a few bytes at a time."""

    def __init__(self, content: bytes, bytes_most: int) -> None:
        super().__init__()
        self._bytes_most = bytes_most
        self.put_object(BUCKET, KEY, content)

    def read(self, ref: ObjectRef, start: int, size_bytes: int) -> bytes | None:
        """See ObjectStore."""
        return super().read(ref, start, min(size_bytes, self._bytes_most))


def hurried(scene: Scene, *left: float) -> Scene:
    times = iter(left)
    return replace(scene, engine=replace(scene.engine, remaining_seconds=lambda: next(times)))


def test_every_line_of_a_manifest_is_a_document_of_the_job(scene: Scene) -> None:
    job = done(scene, lines(45))

    assert (job.state, job.total, job.counts.ready) == (JobState.SUCCEEDED, 45, 45)
    assert scene.found("d44") == ["turbine d44"]


def test_the_request_is_answered_before_the_manifest_is_read(scene: Scene) -> None:
    job = asked(scene, lines(45))

    assert (scene.job(job.id).total, scene.job(job.id).expanding) == (0, True)
    assert rows(scene, job) == {}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "line 2: not JSON: Expecting property name enclosed in double quotes at character 2"),
        (b'{"id": "a"}', "line 2: source: Field required"),
        (b"[]", "line 2: not a JSON object"),
        (b'{"id": "a", "source": {"type": "text"}}', "line 2: source.text: Field required"),
        (b'{"id": "a", "source": {"type": "text", "text": "\xff"}}', "line 2: not UTF-8"),
        (line("a", "x" * 200), "line 2: longer than 200 bytes; put the content into an object"),
        (b'{"id": "a", "source": {"type": "text", "text": "x"}, "metadata": {"n": NaN}}',
         "line 2: NaN is not a JSON number"),
    ],
)  # fmt: skip
def test_a_bad_line_fails_with_its_number_and_the_others_go_on(scene: Scene, content: bytes, told: str) -> None:
    job = done(scene, line("first") + b"\n" + content + b"\n" + line("last"))

    bad = rows(scene, job)["manifest line 2"]
    assert (bad.error_code, bad.error_message) == ("invalid_line", told)
    assert (job.state, job.counts.ready, job.counts.failed) == (JobState.PARTIALLY_SUCCEEDED, 2, 1)


def test_a_document_that_is_called_like_a_bad_line_is_taken_beside_it(scene: Scene) -> None:
    job = done(scene, b"\n".join([line("manifest line 2"), b"{", line("c")]))

    assert job.total == 3
    assert {id_: row.error_code for id_, row in rows(scene, job).items()} == {
        "manifest line 2": "", "manifest line 2'": "invalid_line", "c": "",
    }  # fmt: skip


def test_the_first_of_two_lines_with_one_id_is_taken(scene: Scene) -> None:
    job = done(scene, b"\n".join([line("a", "first"), *(line(f"d{n}") for n in range(9)), line("a", "second")]))

    again = rows(scene, job)["manifest line 11"]
    assert (again.error_code, again.error_message) == ("duplicate_id", "line 11: the same id as an earlier line: a")
    assert scene.found("first") == ["first a"]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + line("a") + b"\r\n\r\n  \n" + line("b") + b"\r\n",
        b"\n\n" + line("a") + b"\n" + line("b"),
    ],
)
def test_byte_order_mark_blank_lines_and_line_ends_do_not_matter(scene: Scene, content: bytes) -> None:
    job = done(scene, content)

    assert (job.total, job.counts.ready) == (2, 2)


@pytest.mark.parametrize("bytes_most", [3, 7, 64, 1_000])
def test_lines_are_whole_however_the_manifest_is_read(scene: Scene, bytes_most: int) -> None:
    content = b"\xef\xbb\xbf" + line("a") + b"\r\n" + line("b", "x" * 300) + b"\n\n" + line("c")
    engine = replace(scene.engine, objects=Dripping(content, bytes_most))

    job = submit(engine, replace(a_submit_job([]), manifest=ObjectSource(BUCKET, KEY))).job
    expand(engine, ExpandJob(tenant=TENANT, job=job.id))

    found = {row.document_id: row.position for row in rows(scene, job).values()}
    assert found == {"a": 1, "manifest line 2": 2, "c": 4}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has no lines"),
        (b"\n \r\n", "it has no lines"),
        (b"\x1f\x8b\x08\x00", "it is compressed by gzip"),
        (b"\xff\xfe{\x00", "it is UTF-16"),
        (lines(101), "it has more than 100 lines; divide it"),
    ],
)
def test_what_is_no_manifest_fails_the_job_with_the_reason(scene: Scene, content: bytes, why: str) -> None:
    job = done(scene, content)

    assert (job.state, job.error_code) == (JobState.FAILED, "manifest_unreadable")
    assert row_views(scene.engine, TENANT, job.id, None, Window(10)) == ([], None)
    assert why in job.error_message
    assert rows(scene, job) == {}


def test_a_manifest_that_changes_before_it_is_read_fails_the_job(scene: Scene) -> None:
    job = asked(scene, lines(3))
    scene.objects.put_object(BUCKET, KEY, lines(4))

    scene.driver.drain()

    assert (scene.job(job.id).state, scene.job(job.id).error_code) == (JobState.FAILED, "manifest_changed")


def test_a_slower_reader_that_finds_the_manifest_changed_does_not_end_the_job(scene: Scene) -> None:
    job = asked(scene, lines(20))
    unread = scene.job(job.id)
    assert unread.manifest is not None
    expand(scene.engine, ExpandJob(tenant=TENANT, job=job.id))
    scene.objects.put_object(BUCKET, KEY, b"another")

    with pytest.raises(Superseded):
        reading.read_manifest(scene.engine, unread, unread.manifest)

    assert not scene.job(job.id).ended
    scene.driver.drain()
    assert (scene.job(job.id).state, scene.told()) == (JobState.SUCCEEDED, ["succeeded"])


def test_a_manifest_that_was_read_may_go(scene: Scene) -> None:
    job = asked(scene, lines(20))
    expand(hurried(scene, 100.0, 100.0, 100.0, 5.0).engine, ExpandJob(tenant=TENANT, job=job.id))
    scene.objects.buckets[BUCKET].clear()

    scene.driver.drain()

    assert scene.job(job.id).counts.ready == 20


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (ObjectSource("secret", KEY), "source_forbidden"),
        (ObjectSource(BUCKET, "none"), "source_missing"),
        (UploadSource("none"), "upload_missing"),
    ],
)
def test_a_manifest_that_is_not_to_be_had_refuses_the_request(
    scene: Scene, source: ObjectSource | UploadSource, code: str
) -> None:
    scene.objects.put_object(BUCKET, KEY, lines(1))

    with pytest.raises(CallerError) as refused:
        submit(scene.engine, replace(a_submit_job([]), manifest=source))

    assert [(problem.loc, problem.type) for problem in refused.value.problems] == [(("body", "manifest"), code)]


def test_an_upload_can_be_a_manifest(scene: Scene) -> None:
    made = request_upload(scene.engine, RequestUpload(TENANT, COLLECTION, "list", 1_000, start=False))
    scene.objects.put_object("uploads", keys.upload_object(TENANT, made.upload_id), lines(3))

    job = scene.submit(replace(a_submit_job([]), manifest=UploadSource(made.upload_id)))
    scene.driver.drain()

    assert scene.job(job.id).counts.ready == 3


def test_a_manifest_is_not_tried(scene: Scene) -> None:
    with pytest.raises(CallerError):
        dry_run(scene.engine, replace(a_submit_job([]), manifest=ObjectSource(BUCKET, KEY)))


def test_reading_and_expanding_go_on_in_other_invocations(scene: Scene) -> None:
    job = asked(scene, lines(45))
    command = ExpandJob(tenant=TENANT, job=job.id)
    scene.queues.sent.clear()

    expand(hurried(scene, 5.0).engine, command)
    read = scene.job(job.id).bundles
    expand(hurried(scene, *[100.0] * 7, 5.0).engine, command)
    bundle = scene.job(job.id).bundle
    scene.driver.drain()

    assert (read, bundle) == (0, 2)
    assert (scene.job(job.id).total, scene.job(job.id).counts.ready) == (45, 45)


def test_a_manifest_that_is_canceled_before_it_is_read_ends_canceled_and_can_be_restarted(scene: Scene) -> None:
    job = asked(scene, lines(45) + b"\n{")
    cancel_job(scene.engine, TENANT, job.id)
    scene.driver.drain()
    canceled = scene.job(job.id)

    restart_job(scene.engine, TENANT, job.id, Redo.REST)
    scene.objects.buckets[BUCKET].clear()
    scene.driver.drain()

    assert (canceled.state, canceled.total, canceled.counts.canceled) == (JobState.CANCELED, 46, 46)
    assert (scene.job(job.id).counts.ready, scene.job(job.id).counts.failed) == (45, 1)


def test_a_cancellation_at_the_moment_when_the_total_is_known_reaches_the_counters(scene: Scene) -> None:
    job = asked(scene, lines(20))
    engine = scene.slowed("records.transact", lambda: cancel_job(scene.engine, TENANT, job.id))

    expand(engine, ExpandJob(tenant=TENANT, job=job.id))

    assert scene.records.records[keys.counter(job.id, 0)]["canceling"]
    assert scene.job(job.id).counts.canceled == 20


def test_reading_that_ends_at_the_moment_of_a_cancellation_leaves_no_counter_without_its_mark(scene: Scene) -> None:
    job = asked(scene, lines(20))
    command = ExpandJob(tenant=TENANT, job=job.id)
    once = hurried(scene, *[100.0] * 3, 5.0).engine

    cancel_job(scene.slowed("records.transact", lambda: expand(once, command)), TENANT, job.id)

    assert scene.records.records[keys.counter(job.id, 0)]["canceling"]


def test_a_document_that_was_deleted_before_its_line_was_expanded_stays_deleted(scene: Scene) -> None:
    job = asked(scene, lines(20))
    scene.clock.move(5)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "d7"))

    scene.driver.drain()

    assert scene.document("d7").gone
    assert (scene.job(job.id).counts.ready, scene.job(job.id).counts.canceled) == (19, 1)


def test_an_expansion_that_is_buried_ends_what_it_has_not_accepted_as_poison(scene: Scene) -> None:
    job = asked(scene, lines(45))
    command = ExpandJob(tenant=TENANT, job=job.id)
    expand(hurried(scene, *[100.0] * 8, 5.0).engine, command)
    scene.queues.sent[:] = [each for each in scene.queues.sent if not isinstance(each, ExpandJob)]

    with pytest.raises(TransientError):
        bury(hurried(scene, 5.0).engine, DeadLetter("m1", "{}", command))
    bury(scene.engine, DeadLetter("m1", "{}", command))
    scene.driver.drain()

    ended = scene.job(job.id)
    assert (ended.state, ended.counts.ended) == (JobState.PARTIALLY_SUCCEEDED, 45)
    assert {row.error_code for row in rows(scene, job).values()} == {"", "poison"}


def test_a_burial_ends_a_job_of_whose_manifest_a_bundle_has_expired(scene: Scene) -> None:
    job = asked(scene, lines(45))
    command = ExpandJob(tenant=TENANT, job=job.id)
    expand(hurried(scene, *[100.0] * 8, 5.0).engine, command)
    del scene.objects.buckets["data"][keys.bundle_object(job.id, 2)]

    with pytest.raises(TransientError):
        expand(scene.engine, command)
    bury(scene.engine, DeadLetter("m1", "{}", command))

    assert (scene.job(job.id).state, scene.job(job.id).error_code) == (JobState.FAILED, "poison")


def test_whoever_expands_behind_another_leaves_it_the_rest(scene: Scene) -> None:
    job = asked(scene, lines(45))
    command = ExpandJob(tenant=TENANT, job=job.id)
    expand(hurried(scene, *[100.0] * 6, 5.0).engine, command)
    ahead = scene.slowed("records.write", lambda: expand(hurried(scene, *[100.0] * 3, 5.0).engine, command))

    with pytest.raises(Superseded):
        expand(ahead, command)
    bundle = scene.job(job.id).bundle
    scene.driver.drain()

    assert (bundle, scene.job(job.id).counts.ready) == (4, 45)


def test_nothing_of_a_manifest_is_kept_when_it_is_expanded(scene: Scene) -> None:
    job = asked(scene, lines(45))
    expand(hurried(scene, 5.0).engine, ExpandJob(tenant=TENANT, job=job.id))

    scene.driver.drain()

    assert [key for key in scene.data_objects() if key.startswith("requests/")] == []


def test_a_canceled_job_whose_manifest_went_ends_canceled(scene: Scene) -> None:
    job = asked(scene, lines(3))
    cancel_job(scene.engine, TENANT, job.id)
    scene.objects.buckets[BUCKET].clear()

    scene.driver.drain()

    assert (scene.job(job.id).state, scene.job(job.id).error_code) == (JobState.CANCELED, "manifest_changed")


def test_a_manifest_that_nobody_could_read_fails_its_job(scene: Scene) -> None:
    job = asked(scene, lines(3))

    bury(scene.engine, DeadLetter("m1", "{}", ExpandJob(tenant=TENANT, job=job.id)))

    assert (scene.job(job.id).state, scene.job(job.id).error_code) == (JobState.FAILED, "poison")


def test_a_document_of_a_long_manifest_costs_what_one_of_a_short_one_costs() -> None:
    assert calls_a_document(1_000) <= 1.1 * calls_a_document(250)


def calls_a_document(count: int) -> float:
    calls: list[str] = []
    engine = memory_engine(on_call=lambda phase, name: calls.append(name) if phase == "before" else None)
    assert isinstance(engine.objects, MemoryObjects)
    engine.objects.put_object("uploads", f"files/{TENANT}/{KEY}", lines(count))
    manifest = ObjectSource("uploads", f"files/{TENANT}/{KEY}")
    job = submit(engine, replace(a_submit_job([]), manifest=manifest)).job
    calls.clear()
    expand(engine, ExpandJob(tenant=TENANT, job=job.id))
    return len(calls) / count


def test_how_far_a_manifest_was_read_is_kept_exactly() -> None:
    survey = reading.Survey(17, 3, 2, {b"\n" * 12, b"a" * 12})

    assert reading.Survey.unpack(survey.pack()) == survey
