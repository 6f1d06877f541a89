"""Watch events: what happened to a tenant's jobs, whom it was told, and how that went."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from forebay.domain import keys
from forebay.domain.callbacks import Callback, callbacks_of
from forebay.domain.delivery import TargetState
from forebay.domain.document import JobId, TenantId
from forebay.domain.errors import CallerError
from forebay.domain.job import Job, job_of
from forebay.domain.records import Index, Query, Record, text
from forebay.domain.requests import Window
from forebay.domain.stored_event import StoredEvent, event_of
from forebay.service.cursors import read_cursor, write_cursor
from forebay.service.engine import Engine
from forebay.service.watch import find_job

# From what a person should look at first to what is well.
_WORST_FIRST: Final = (
    TargetState.FAILED,
    TargetState.DISABLED,
    TargetState.PENDING,
    TargetState.DROPPED,
    TargetState.DELIVERED,
)
_QUERIES_MOST: Final = 20  # for an answer; a page may come back short before the end


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as it stands, and the job whose callbacks are told of it."""

    told: StoredEvent
    job: Job

    @property
    def status(self) -> str:
        """What has become of the delivery that needs a look most: a TargetState, or `none` without any."""
        states = {target.state for target in self.told.targets.values()}
        return next((state.value for state in _WORST_FIRST if state in states), "none")

    @property
    def callbacks(self) -> Sequence[Callback]:
        """The job's callbacks; a target's number is its position here."""
        return callbacks_of(self.job.callbacks)


def event_view(engine: Engine, tenant: TenantId, event_id: str) -> EventView:
    """The tenant's event of this id, as of now. Raises CallerError not_found; an event goes with its job."""
    record = engine.records.get(keys.event(event_id))
    told = event_of(record) if record is not None and text(record, "tenant") == tenant else None
    job = engine.records.get(keys.job(told.job)) if told is not None and told.event.id == event_id else None
    if told is None or job is None or not told.is_of(job_of(job)):
        raise CallerError("not_found", f"there is no event {event_id}")
    return EventView(told, job_of(job))


def event_views(
    engine: Engine, tenant: TenantId, job_id: JobId | None, window: Window
) -> tuple[list[EventView], str | None]:
    """A page of events, newest first, and the next cursor (None at the end): those of one job as of now, or all of the
    tenant's, which may lag.

    Raises CallerError not_found where there is no such job, invalid_request for a bad cursor.
    """
    _, after = read_cursor(window.cursor, 1, keys.EVENTS if job_id is not None else "")
    query = _of_tenant(tenant, after) if job_id is None else _of_job(find_job(engine, tenant, job_id), after)
    views: list[EventView] = []
    for _ in range(_QUERIES_MOST):
        page = engine.records.query(replace(query, limit=window.limit - len(views)))
        views += _views(engine, page.records)
        if page.next is None:
            return views, None
        query = replace(query, after=page.next)
        after = page.next["sk" if job_id is not None else "jsk"]
        if len(views) >= window.limit:
            break
    return views, write_cursor(0, after)


def _of_job(job: Job, after: str) -> Query:
    partition = job.record_key.pk
    place = {"pk": partition, "sk": after} if after else None
    return Query(partition, prefix=keys.EVENTS, newest_first=True, after=place)


def _of_tenant(tenant: TenantId, after: str) -> Query:
    partition = keys.events(tenant)
    place = {"jpk": partition, "jsk": after, **_key_members(after)} if after else None
    return Query(partition, Index.JOBS, newest_first=True, after=place)


def _key_members(jsk: str) -> Mapping[str, str]:
    """The key of the event that stands at this place of the index, `<time>#<id>`."""
    return asdict(keys.event(jsk.rpartition("#")[2]))


def _views(engine: Engine, records: Sequence[Record]) -> Iterator[EventView]:
    """The events whose jobs are still there."""
    events = [event_of(record) for record in records]
    places = list({keys.job(told.job): None for told in events})
    jobs = engine.records.get_many(places) if places else {}
    for told in events:
        record = jobs.get(keys.job(told.job))
        if record is not None and told.is_of(job := job_of(record)):
            yield EventView(told, job)
