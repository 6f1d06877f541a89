from dataclasses import replace

import pytest

from forebay.adapters.memory import MemoryRecords
from forebay.domain.document import JobId
from forebay.domain.errors import CallerError
from forebay.domain.records import Query, RecordPage
from forebay.domain.requests import BadSource, DocumentRequest, Hopeless, TextSource
from forebay.service.engine import Engine, Limits, Policy
from forebay.service.failures import Room
from forebay.service.submit import submit
from forebay.service.watch import job_view
from tests.builders import TENANT, a_submit_job
from tests.engines import with_policy
from tests.unit.service.scene import Scene

BAD = BadSource("empty_document", "nothing in it")


class WatchedRecords(MemoryRecords):
    """Counts queries."""

    queries = 0

    def query(self, query: Query) -> RecordPage:
        self.queries += 1
        return super().query(query)


def bad(id_: str, position: int = 0, memo: str = "") -> DocumentRequest:
    return DocumentRequest(id_, "", "", BAD, position=position, memo=memo)


def a_job(scene: Scene, *documents: DocumentRequest) -> JobId:
    job = submit(scene.engine, a_submit_job(documents, hopeless=Hopeless.FAILED)).job
    scene.driver.drain()
    return job.id


def shown(engine: Engine, job: JobId, room: Room | None = None) -> list[tuple[str, str]]:
    found = (room or Room(engine)).failures(job_view(engine, TENANT, job))
    return [(row.document_id, memo) for row, memo in found]


def with_room(scene: Scene, size_bytes: int) -> Engine:
    return with_policy(scene.engine, Policy(limits=Limits(answer_bytes=size_bytes)))


def test_failures_come_in_the_order_of_the_request_with_their_memos(scene: Scene) -> None:
    large = "x" * 3_000
    good = DocumentRequest("good", "", "", TextSource("fine"), position=1)

    job = a_job(scene, bad("z", 2, large), good, bad("a", 0, "small"), bad("m", 3))

    assert shown(scene.engine, job) == [("a", "small"), ("z", large), ("m", "")]


def test_nothing_is_read_where_nothing_failed(scene: Scene) -> None:
    job = a_job(scene, DocumentRequest("good", "", "", TextSource("fine")))
    records = WatchedRecords()
    records.records = scene.records.records

    assert shown(replace(scene.engine, records=records), job) == []
    assert records.queries == 0


def test_memos_are_left_out_where_there_is_no_room_for_them(scene: Scene) -> None:
    job = a_job(scene, bad("a", 0, "x" * 400), bad("b", 1, "y" * 400), bad("c", 2, "z"))

    assert [bool(memo) for _, memo in shown(with_room(scene, 900), job)] == [True, False, True]


def test_jobs_share_the_room_of_one_answer(scene: Scene) -> None:
    first, second = a_job(scene, bad("a", 0, "x" * 400)), a_job(scene, bad("b", 0, "y" * 400))
    engine = with_room(scene, 900)
    room = Room(engine)

    assert shown(engine, first, room) == [("a", "x" * 400)]
    assert shown(engine, second, room) == [("b", "")]


def test_more_failures_than_an_answer_holds_are_refused(scene: Scene) -> None:
    job = a_job(scene, *(bad(f"d{number}", number) for number in range(10)))

    with pytest.raises(CallerError) as raised:
        shown(with_room(scene, 500), job)
    assert raised.value.code == "content_too_large"


def test_only_so_many_large_memos_are_read_for_one_answer(scene: Scene) -> None:
    job = a_job(scene, *(bad(f"d{number}", number, "x" * 2_100) for number in range(510)))

    memos = [memo for _, memo in shown(scene.engine, job)]

    assert [bool(memo) for memo in memos] == [True] * 500 + [False] * 10
