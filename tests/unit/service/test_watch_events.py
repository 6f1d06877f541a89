import pytest

from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.delivery import Reply
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.job import Redo
from forebay.domain.requests import Window
from forebay.service.cursors import write_cursor
from forebay.service.restart import restart_job
from forebay.service.watch_events import EventView, event_view, event_views
from tests.builders import TENANT
from tests.unit.service.scene import Scene

OTHER = TenantId("other")
DOWN = Reply(status=500, error="webhook_status")
GONE = Reply(status=410, error="webhook_status")


def a_webhook(name: str = "a", *events: str) -> Callback:
    url = f"https://hooks.example.com/{name}"
    return Callback(Means.WEBHOOK, events, url=url) if events else Callback(Means.WEBHOOK, url=url)


def ended(scene: Scene, *callbacks: Callback) -> JobId:
    """A job with these callbacks that ended a second after the one before, told as far as can be at once."""
    scene.clock.move(1)
    return scene.ingest("turbine manual", callbacks=callbacks_text(callbacks)).id


def ended_twice(scene: Scene) -> JobId:
    """A job that ended, and once more after a restart: with two events at least."""
    job = ended(scene, a_webhook())
    scene.clock.move(1)
    restart_job(scene.engine, TENANT, job, Redo.REST)
    scene.driver.drain()
    return job


def listed(scene: Scene, job: JobId | None = None, tenant: TenantId = TENANT) -> list[EventView]:
    views, following = event_views(scene.engine, tenant, job, Window(100))
    assert following is None
    return views


def walked(scene: Scene, limit: int, job: JobId | None = None) -> list[str]:
    """The ids of all pages of this size."""
    cursor, ids = None, []
    while True:
        views, cursor = event_views(scene.engine, TENANT, job, Window(limit, cursor))
        assert len(views) <= limit
        ids += [view.told.event.id for view in views]
        if cursor is None:
            return ids


def test_events_of_all_jobs_are_listed_newest_first(scene: Scene) -> None:
    jobs = [ended(scene) for _ in range(3)]

    assert [view.job.id for view in listed(scene)] == jobs[::-1]


def test_events_of_one_job_are_listed_newest_first(scene: Scene) -> None:
    ended(scene)

    job = ended_twice(scene)

    views = listed(scene, job)
    assert len(views) > 1
    assert {view.job.id for view in views} == {job}
    assert [view.told.event.time for view in views] == sorted((v.told.event.time for v in views), reverse=True)


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_every_event_is_on_one_page(scene: Scene, limit: int) -> None:
    job = ended_twice(scene)
    ended(scene)

    for of in (None, job):
        ids = [view.told.event.id for view in listed(scene, of)]
        assert walked(scene, limit, of) == ids
        assert len(set(ids)) == len(ids) >= 2


def test_other_tenants_see_nothing_of_it(scene: Scene) -> None:
    job = ended(scene)
    id_ = scene.event().event.id

    assert listed(scene, tenant=OTHER) == []
    for ask in (lambda: event_view(scene.engine, OTHER, id_), lambda: listed(scene, job, OTHER)):
        with pytest.raises(CallerError) as refused:
            ask()
        assert refused.value.code == "not_found"


def test_the_events_of_a_job_that_is_not_there_are_not_found(scene: Scene) -> None:
    with pytest.raises(CallerError) as refused:
        listed(scene, JobId("job_9"))

    assert refused.value.code == "not_found"


@pytest.mark.parametrize("id_", ["", "_", "evt", "evt_1", "evt_a_b_c_d", "#", "evt_x#0_a_b", "ä/☃ %", "a" * 255])
def test_an_event_that_is_not_there_is_not_found(scene: Scene, id_: str) -> None:
    ended(scene)

    with pytest.raises(CallerError) as refused:
        event_view(scene.engine, TENANT, id_)

    assert refused.value.code == "not_found"


def test_an_event_has_one_id(scene: Scene) -> None:
    ended(scene)
    id_ = scene.event().event.id

    assert event_view(scene.engine, TENANT, id_).told.event.id == id_
    with pytest.raises(CallerError):
        event_view(scene.engine, TENANT, "x" + id_)


def test_an_event_goes_with_its_job(scene: Scene) -> None:
    gone, kept = ended(scene), ended(scene)
    id_ = next(view.told.event.id for view in listed(scene, gone))
    del scene.records.records[keys.job(gone)]

    assert [view.job.id for view in listed(scene)] == [kept]
    with pytest.raises(CallerError):
        event_view(scene.engine, TENANT, id_)


@pytest.mark.parametrize("cursor", ["x", write_cursor(1, ""), write_cursor(0, "META")])
def test_a_forged_cursor_is_refused(scene: Scene, cursor: str) -> None:
    job = ended(scene)

    with pytest.raises(CallerError) as refused:
        event_views(scene.engine, TENANT, job, Window(10, cursor))

    assert refused.value.code == "invalid_request"


def test_the_list_of_all_events_does_not_fall_over_any_cursor(scene: Scene) -> None:
    ended(scene)

    for place in ("META", "E#", "9", "#", "2026-11-22T12:00:00.000Z#evt_1"):
        event_views(scene.engine, TENANT, None, Window(10, write_cursor(0, place)))


def test_an_event_that_nobody_is_told_has_no_delivery_to_look_at(scene: Scene) -> None:
    ended(scene, a_webhook("a", "forebay.job.failed"))

    (view,) = listed(scene)
    assert (view.status, view.told.targets) == ("none", {})


@pytest.mark.parametrize(
    ("replies", "status"),
    [
        ({}, "delivered"),
        ({"b": DOWN}, "pending"),
        ({"a": DOWN, "b": GONE}, "disabled"),
    ],
)
def test_the_worst_target_says_how_it_went(scene: Scene, replies: dict[str, Reply], status: str) -> None:
    for name, reply in replies.items():
        scene.webhooks.replies[f"https://hooks.example.com/{name}"] = [reply]

    ended(scene, a_webhook("a"), a_webhook("b"))

    assert [view.status for view in listed(scene)] == [status]


def test_a_target_that_failed_is_worse_than_all_others(scene: Scene) -> None:
    scene.webhooks.replies |= {f"https://hooks.example.com/{name}": [r] for name, r in {"a": GONE, "b": DOWN}.items()}
    ended(scene, a_webhook("a"), a_webhook("b"), a_webhook("c"))

    scene.driver.sweep_until_rest(rounds=100)

    (view,) = listed(scene)
    assert view.status == "failed"
    assert [target.state.value for target in view.told.targets.values()] == ["disabled", "failed", "delivered"]
