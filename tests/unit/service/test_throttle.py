from collections.abc import Callable
from datetime import timedelta

import pytest

from forebay.domain import keys
from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError
from forebay.domain.job import Redo
from forebay.domain.requests import Address, SubmitJob, UploadSource
from forebay.domain.transitions import DocumentState
from forebay.service.cancel import cancel_job
from forebay.service.engine import Limits, Policy
from forebay.service.intake import intake
from forebay.service.remove import remove_document
from forebay.service.restart import restart_job
from forebay.service.submit import submit
from forebay.service.throttle import count_request
from forebay.service.uploads import check_upload, request_upload
from tests.builders import COLLECTION, TENANT, a_document_request, a_request_upload, a_submit_job
from tests.engines import START
from tests.unit.service.scene import a_scene

TWO = Policy(limits=Limits(requests_per_minute=2))


def test_each_request_leaves_one_less() -> None:
    scene = a_scene(TWO)

    rates = [count_request(scene.engine, TENANT) for _ in range(3)]

    assert [(rate.used, rate.remaining, rate.exceeded) for rate in rates] == [
        (1, 1, False),
        (2, 0, False),
        (3, 0, True),
    ]


def test_the_count_begins_anew_with_the_next_minute() -> None:
    scene = a_scene(TWO)
    scene.clock.move(59)
    rates = [count_request(scene.engine, TENANT) for _ in range(3)]
    assert rates[-1].exceeded
    assert (rates[-1].resets_in, rates[-1].resets_at) == (1, int((START + timedelta(seconds=60)).timestamp()))

    scene.clock.move(1)

    assert count_request(scene.engine, TENANT).used == 1


def test_tenants_are_counted_apart() -> None:
    scene = a_scene(TWO)
    count_request(scene.engine, TENANT)

    assert count_request(scene.engine, TenantId("other")).used == 1


def test_counts_expire_after_their_minute() -> None:
    scene = a_scene(TWO)

    rate = count_request(scene.engine, TENANT)

    assert [record["ttl"] for record in scene.records.records.values()] == [rate.resets_at + 60]


# -- the quota of documents ------------------------------------------------------------------------------------------

QUOTA = Policy(limits=Limits(documents_per_hour=2))


def refused(act: Callable[[], object]) -> int:
    """After how many seconds the caller may try again, who must be refused now."""
    with pytest.raises(CallerError) as raised:
        act()
    assert raised.value.code == "throttled"
    return raised.value.retry_after_seconds


def documents(count: int, of: str = "d") -> SubmitJob:
    return a_submit_job([a_document_request(f"{of}{number}") for number in range(count)])


def test_what_is_beyond_the_quota_is_refused_until_the_next_hour_and_leaves_nothing_behind() -> None:
    scene = a_scene(QUOTA)
    scene.clock.move(600)
    scene.submit(documents(1, "a"))
    scene.submit(documents(1, "b"))
    before, content = set(scene.records.records), scene.data_objects()

    assert refused(lambda: scene.submit(documents(1, "c"))) == 3_000

    assert (set(scene.records.records), scene.data_objects()) == (before, content)
    scene.clock.move(2_999)
    assert refused(lambda: scene.submit(documents(1, "c"))) == 1
    scene.clock.move(1)
    scene.submit(documents(1, "c"))
    assert scene.document("c0").state is DocumentState.QUEUED


@pytest.mark.parametrize("size", [3, 30])
def test_the_request_that_uses_the_quota_up_is_let_through_whole(size: int) -> None:
    scene = a_scene(QUOTA)

    scene.submit(documents(size))

    refused(lambda: scene.submit(documents(1, "more")))


def test_a_request_that_is_repeated_is_counted_once_and_answered_though_the_quota_is_used_up() -> None:
    scene = a_scene(QUOTA)
    first = scene.submit(a_submit_job(idempotency_key="k"))
    again = scene.submit(a_submit_job(idempotency_key="k"))
    scene.submit(documents(1))
    refused(lambda: scene.submit(documents(1, "more")))

    assert [job.id for job in (again, scene.submit(a_submit_job(idempotency_key="k")))] == [first.id] * 2


def test_of_twins_at_the_same_time_one_is_counted() -> None:
    scene = a_scene(QUOTA)
    keyed = a_submit_job(idempotency_key="k")
    twins = scene.slowed("records.transact", lambda: scene.submit(keyed))

    assert submit(twins, keyed).replayed

    scene.submit(documents(1))
    refused(lambda: scene.submit(documents(1, "more")))


def test_what_is_given_back_is_given_back_to_the_hour_in_which_it_was_counted() -> None:
    scene = a_scene(QUOTA)
    keyed = a_submit_job(idempotency_key="k")

    def an_hour_later() -> None:
        scene.submit(keyed)
        scene.clock.move(3_600)

    assert submit(scene.slowed("records.transact", an_hour_later), keyed).replayed

    scene.submit(documents(2))
    refused(lambda: scene.submit(documents(1, "more")))


def test_an_upload_counts_when_it_is_asked_for_and_one_that_waits_when_it_is_named() -> None:
    scene = a_scene(QUOTA)
    for _ in range(3):
        waiting = request_upload(scene.engine, a_request_upload(start=False))
    started = request_upload(scene.engine, a_request_upload())
    scene.submit(a_submit_job([a_document_request("named", UploadSource(waiting.upload_id))]))
    before = set(scene.records.records)

    refused(lambda: request_upload(scene.engine, a_request_upload()))

    assert set(scene.records.records) == before
    scene.objects.put_upload(f"uploads/{TENANT}/{started.upload_id}", b"it comes all the same")
    check_upload(scene.engine, TENANT, started.upload_id)
    assert scene.document("scan.txt").state is DocumentState.QUEUED


def test_files_of_the_inbox_are_taken_whatever_the_quota_and_count() -> None:
    scene = a_scene(QUOTA)
    for name in "abc":
        scene.objects.put_object("uploads", f"inbox/{TENANT}/{COLLECTION}/{name}", b"text")
        intake(scene.engine, f"inbox/{TENANT}/{COLLECTION}/{name}")
        intake(scene.engine, f"inbox/{TENANT}/{COLLECTION}/{name}")

    assert scene.document("c").state is DocumentState.QUEUED
    assert scene.records.records[keys.document_count(TENANT, int(START.timestamp()) // 3_600)]["count"] == 3
    refused(lambda: scene.submit(documents(1)))


def test_whoever_used_up_the_quota_can_still_cancel_restart_and_delete() -> None:
    scene = a_scene(QUOTA)
    job = scene.submit(documents(2))
    refused(lambda: scene.submit(documents(1)))

    cancel_job(scene.engine, TENANT, job.id)
    scene.driver.drain()
    restart_job(scene.engine, TENANT, job.id, Redo.ALL)
    scene.driver.drain()
    remove_document(scene.engine, Address(TENANT, COLLECTION, "d0"))

    assert scene.document("d1").state is DocumentState.READY
    assert scene.document("d0").gone


def test_a_tenant_does_not_use_up_anothers_quota() -> None:
    scene = a_scene(QUOTA)
    scene.submit(documents(2))

    scene.submit(a_submit_job(tenant=TenantId("other")))


def test_without_a_quota_nothing_is_counted() -> None:
    scene = a_scene()
    scene.submit(documents(1))

    assert not [key for key in scene.records.records if key.pk.startswith("RATE#")]
