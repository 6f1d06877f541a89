import logging
from dataclasses import replace

import pytest

from forebay.adapters.memory_fetcher import Answer
from forebay.bootstrap.core import engine_of
from forebay.domain import keys
from forebay.domain.commands import Command, ExtractDocument, FetchDocument
from forebay.domain.errors import CallerError, Superseded
from forebay.domain.job import Job, Redo
from forebay.domain.requests import Address, UrlSource
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.bury import DeadLetter, bury
from forebay.service.engine import Limits, Policy
from forebay.service.fetch import fetch
from forebay.service.first_command import purge_command
from forebay.service.purge import purge
from forebay.service.remove import remove_document
from forebay.service.restart import restart_job
from forebay.service.submit import dry_run
from forebay.service.sweep import sweep
from tests.builders import COLLECTION, TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene, a_scene

URL = "https://example.org/guides/turbine.txt?token=s3cret"


@pytest.fixture
def scene() -> Scene:
    """A world with a web on which the turbine's manual stands."""
    scene = a_scene()
    scene.fetcher.answers[URL] = Answer(b"turbine manual", media_type="text/plain; charset=utf-8", name="manual.txt")
    return scene


def submit_url(scene: Scene, url: str = URL, media_type: str = "") -> Job:
    return scene.submit(a_submit_job([a_document_request("guide", UrlSource(url), media_type=media_type)]))


def taken(scene: Scene) -> FetchDocument:
    """The command that waits."""
    command = scene.queues.sent.pop(0)
    assert isinstance(command, FetchDocument)
    return command


def waiting(scene: Scene) -> list[type[Command]]:
    return [type(command) for command in scene.queues.sent]


# -- accepted ----------------------------------------------------------------------------------------------------------


def test_a_document_behind_a_url_becomes_readable_and_its_job_succeeds(scene: Scene) -> None:
    job = submit_url(scene)

    scene.driver.drain()

    assert scene.job(job.id).state is JobState.SUCCEEDED
    assert scene.found("turbine") == ["turbine manual"]
    assert (scene.document().size_bytes, scene.row(job).name) == (14, "turbine.txt")


def test_a_document_is_fetched_before_it_is_extracted(scene: Scene) -> None:
    submit_url(scene)

    assert waiting(scene) == [FetchDocument]
    assert scene.document().state is DocumentState.QUEUED
    fetch(scene.engine, taken(scene))
    assert waiting(scene) == [ExtractDocument]


def test_without_id_and_name_a_url_is_named_by_the_end_of_its_path(scene: Scene) -> None:
    job = scene.submit(a_submit_job([a_document_request(None, UrlSource(URL))]))

    assert scene.row(job, "turbine.txt").document_id == "turbine.txt"


def test_two_urls_that_end_in_nothing_are_two_documents(scene: Scene) -> None:
    sources = [UrlSource(f"https://{host}.example.org/") for host in ("one", "two")]

    job = scene.submit(a_submit_job([a_document_request(None, source) for source in sources]))

    assert scene.job(job.id).total == 2


def test_the_url_stands_in_no_record_and_no_log(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    submit_url(scene)
    submit_url(scene, "https://example.org/gone?token=s3cret")
    bad = ("http://10.0.0.1/?token=s3cret", "https://user:s3cret@example.org/", "https:/user:s3cret@example.org/x")
    forbidden = [a_document_request(f"bad{number}", UrlSource(url)) for number, url in enumerate(bad)]
    large = [a_document_request(f"d{number}", UrlSource(bad[0])) for number in range(30)]
    other = a_document_request("other", UrlSource(URL))
    jobs = [scene.submit(a_submit_job([*some, other])) for some in (forbidden, large)]
    scene.driver.drain()
    for job in jobs:
        restart_job(scene.engine, TENANT, job.id, Redo.REST)
    scene.driver.drain()

    said = [vars(record) for record in caplog.records]
    assert "s3cret" not in f"{scene.records.records} {said} {scene.bus.published}"


def test_a_large_job_may_name_urls(scene: Scene) -> None:
    documents = [a_document_request(f"d{number}", UrlSource(URL)) for number in range(26)]

    job = scene.submit(a_submit_job(documents))
    scene.driver.drain()

    assert scene.job(job.id).counts.ready == 26


def test_a_dry_run_fetches_nothing(scene: Scene) -> None:
    sources = [UrlSource(URL), UrlSource("http://localhost/")]
    request = a_submit_job([a_document_request(f"d{n}", source) for n, source in enumerate(sources)])

    verdicts = dry_run(scene.engine, request)

    assert [(verdict.would, verdict.code) for verdict in verdicts] == [("process", ""), ("reject", "url_forbidden")]
    assert (scene.data_objects(), scene.queues.sent) == ([], [])


def test_a_url_that_leads_nowhere_allowed_fails_its_document_at_once(scene: Scene) -> None:
    bad = a_document_request("bad", UrlSource("http://169.254.169.254/"))

    job = scene.submit(a_submit_job([bad, a_document_request("guide", UrlSource(URL))]))

    assert scene.row(job, "bad").error_code == "url_forbidden"
    assert waiting(scene) == [FetchDocument]


def test_a_request_with_nothing_but_such_urls_is_refused(scene: Scene) -> None:
    with pytest.raises(CallerError) as raised:
        submit_url(scene, "ftp://example.org/a")

    assert [problem.type for problem in raised.value.problems] == ["url_forbidden"]


def test_a_laptops_urls_may_be_private() -> None:
    scene = a_scene(Policy(private_callbacks=True))

    submit_url(scene, "http://127.0.0.1:8000/a.txt")

    assert waiting(scene) == [FetchDocument]


# -- fetched -----------------------------------------------------------------------------------------------------------


def test_fetching_needs_no_table_no_bus_and_no_model(scene: Scene) -> None:
    submit_url(scene)
    given = {"objects": scene.objects, "queues": scene.queues, "fetcher": scene.fetcher}

    fetch(engine_of(given, scene.engine.policy), taken(scene))

    assert waiting(scene) == [ExtractDocument]


def test_the_servers_media_type_counts_where_the_caller_names_none(scene: Scene) -> None:
    submit_url(scene)
    scene.driver.drain()
    by_server = scene.document().media_type
    submit_url(scene, media_type="text/markdown")
    scene.driver.drain()

    assert (by_server, scene.document().media_type) == ("text/plain; charset=utf-8", "text/markdown")


def test_the_servers_name_counts_where_neither_the_caller_nor_the_url_names_the_file(scene: Scene) -> None:
    scene.fetcher.answers["https://example.org/"] = scene.fetcher.answers[URL]
    submit_url(scene, "https://example.org/")
    scene.driver.drain()

    visible = scene.document().visible
    assert visible is not None
    assert visible.name == "manual.txt"


def test_the_same_content_again_is_unchanged(scene: Scene) -> None:
    submit_url(scene)
    scene.driver.drain()
    again = submit_url(scene)
    scene.driver.drain()

    assert scene.job(again.id).counts.unchanged == 1


def test_new_content_replaces_the_old_and_its_object_goes_with_it(scene: Scene) -> None:
    submit_url(scene)
    scene.driver.drain()
    scene.fetcher.answers[URL] = Answer(b"rotor manual")
    submit_url(scene)
    scene.driver.sweep_until_rest()

    assert (scene.found("turbine"), scene.found("rotor")) == ([], ["rotor manual"])
    assert all(scene.document().run in key for key in scene.data_objects("sources/"))


@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        (Answer(status=404), "url_status", "404"),
        (Answer(status=302, location="http://10.0.0.1/"), "url_forbidden", "10.0.0.1"),
        (Answer(status=302, location=URL), "url_redirects", "redirect"),
        (Answer(b"x" * 101), "too_large", "100"),
    ],
)
def test_a_document_fails_with_what_its_server_refused(answer: Answer, code: str, message: str) -> None:
    scene = a_scene(Policy(limits=Limits(file_bytes=100)))
    scene.fetcher.answers[URL] = answer
    job = submit_url(scene)

    scene.driver.drain()

    row = scene.row(job)
    assert (row.error_code, scene.job(job.id).state) == (code, JobState.FAILED)
    assert message in row.error_message


def test_a_server_that_does_not_answer_is_asked_again_then_given_up(scene: Scene) -> None:
    del scene.fetcher.answers[URL]
    job = submit_url(scene)
    tries = []
    while isinstance(scene.queues.sent[0], FetchDocument):
        command = taken(scene)
        tries.append(command.tries)
        fetch(scene.engine, command)
    scene.driver.drain()

    assert tries == [0, 1, 2, 3, 4]
    assert scene.row(job).error_code == "url_unreachable"


def test_a_server_that_answers_at_last_is_believed(scene: Scene) -> None:
    del scene.fetcher.answers[URL]
    submit_url(scene)
    fetch(scene.engine, taken(scene))
    scene.fetcher.answers[URL] = Answer(b"turbine manual")

    scene.driver.drain()

    assert scene.found("turbine") == ["turbine manual"]


def test_a_visible_version_stays_when_the_new_one_cannot_be_fetched(scene: Scene) -> None:
    submit_url(scene)
    scene.driver.drain()
    scene.fetcher.answers[URL] = Answer(status=404)
    submit_url(scene)
    scene.driver.sweep_until_rest()

    assert scene.document().state is DocumentState.FAILED
    assert scene.found("turbine") == ["turbine manual"]


# -- twice, late, never ------------------------------------------------------------------------------------------------


def test_a_second_delivery_changes_nothing(scene: Scene) -> None:
    submit_url(scene)
    command = taken(scene)
    fetch(scene.engine, command)
    scene.driver.drain()
    before = scene.document()

    fetch(scene.engine, command)
    scene.driver.drain()

    assert scene.document() == before


def test_a_fetch_that_succeeds_late_overrules_nothing_that_has_ended(scene: Scene) -> None:
    good, scene.fetcher.answers[URL] = scene.fetcher.answers[URL], Answer(status=404)
    job = submit_url(scene)
    command = taken(scene)
    fetch(scene.engine, command)
    scene.driver.drain()
    scene.fetcher.answers[URL] = good

    fetch(scene.engine, command)
    scene.driver.drain()

    assert (scene.row(job).error_code, scene.document().state) == ("url_status", DocumentState.FAILED)


def test_content_that_is_fetched_anew_while_it_is_read_is_read_again(scene: Scene) -> None:
    submit_url(scene)
    command = taken(scene)
    fetch(scene.engine, command)
    extract = scene.queues.sent.pop(0)
    found = scene.objects.head

    def head_then_fetch(bucket: str, key: str) -> object:
        seen = found(bucket, key)
        scene.fetcher.answers[URL] = Answer(b"rotor manual")
        fetch(scene.engine, command)
        scene.objects.head = found  # type: ignore[method-assign]
        return seen

    scene.objects.head = head_then_fetch  # type: ignore[method-assign,assignment]

    assert not scene.driver.do(extract)
    scene.driver.do(extract)
    scene.driver.drain()
    assert scene.found("rotor") == ["rotor manual"]


def test_a_deleted_documents_url_is_not_fetched_any_more(scene: Scene) -> None:
    submit_url(scene)
    command = taken(scene)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()

    with pytest.raises(Superseded):
        fetch(scene.engine, command)
    assert scene.data_objects("sources/") == []


def test_what_is_fetched_while_its_document_is_purged_goes_too(scene: Scene) -> None:
    submit_url(scene)
    command = taken(scene)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    deletion = purge_command(scene.document())
    on_call = scene.fetcher.on_call

    def purge_meanwhile(phase: str, name: str) -> None:
        scene.fetcher.on_call = on_call
        purge(scene.engine, deletion)

    scene.fetcher.on_call = purge_meanwhile

    with pytest.raises(Superseded):
        fetch(scene.engine, command)
    assert scene.data_objects("sources/") == []


def test_what_one_who_died_had_put_goes_with_the_next_delivery(scene: Scene) -> None:
    submit_url(scene)
    command = taken(scene)
    remove_document(scene.engine, Address(TENANT, COLLECTION, "guide"))
    scene.driver.drain()
    scene.objects.put(command.source, b"put by a worker that was killed thereafter")

    with pytest.raises(Superseded):
        fetch(scene.engine, command)
    assert scene.data_objects("sources/") == []


def test_sweep_has_a_queued_document_fetched_again_and_an_extracted_one_not(scene: Scene) -> None:
    submit_url(scene)
    command = taken(scene)
    scene.clock.move(scene.engine.policy.times.redrive)
    sweep(scene.engine)
    queued = waiting(scene)
    scene.queues.sent.clear()
    fetch(scene.engine, command)
    crashing = replace(scene.engine, remaining_seconds=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        replace(scene.driver, engine=crashing).do(scene.queues.sent.pop(0))
    scene.clock.move(4 * scene.engine.policy.times.redrive)
    sweep(scene.engine)

    assert queued == [FetchDocument]
    assert waiting(scene) == [ExtractDocument]


def test_a_dead_letter_ends_the_document(scene: Scene) -> None:
    job = submit_url(scene)
    command = taken(scene)

    bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))

    assert (scene.row(job).error_code, scene.job(job.id).state) == ("poison", JobState.FAILED)


def test_a_dead_letter_of_a_document_that_was_fetched_by_another_ends_nothing(scene: Scene) -> None:
    job = submit_url(scene)
    command = taken(scene)
    fetch(scene.engine, command)
    scene.driver.drain()

    bury(scene.engine, DeadLetter("m1", command.model_dump_json(), command))

    assert scene.job(job.id).state is JobState.SUCCEEDED


def test_fetched_content_that_has_expired_is_missing(scene: Scene) -> None:
    job = submit_url(scene)
    command = taken(scene)
    fetch(scene.engine, command)
    scene.objects.delete_prefix(keys.source_object(command.run))
    scene.driver.drain()

    assert scene.row(job).error_code == "source_missing"
