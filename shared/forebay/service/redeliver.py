"""Tell an event to its targets again, because a caller asks for it: the receiver is mended, or has lost it."""

import logging
from dataclasses import replace
from typing import Final

from forebay.domain.commands import DeliverEvent
from forebay.domain.delivery import Target, TargetState, target_value
from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError, TransientError
from forebay.domain.records import Condition, Has, Is, Update, Write
from forebay.domain.stored_event import StoredEvent
from forebay.domain.times import stamp
from forebay.service.due import telling_due_in
from forebay.service.engine import Engine
from forebay.service.settle import TRIES
from forebay.service.watch_events import EventView, event_view

log = logging.getLogger(__name__)

ROUNDS_MOST: Final = 20  # of one event


def redeliver(engine: Engine, tenant: TenantId, event_id: str) -> EventView:
    """Have every target told of the event by the schedule anew, also those that wanted no more; the event after it.

    The attempts go on counting. Whoever dies after the write leaves the rest to `sweep`: the event is due.

    Raises CallerError: not_found, invalid_transition (nobody is to be told, its time is over, or it was asked for too
    often); TransientError.
    """
    for _ in range(TRIES):
        view = event_view(engine, tenant, event_id)
        _refuse_hopeless(view)
        again = _anew(engine, view.told)
        if engine.records.transact(_writes(engine, view, again)) is None:
            engine.queues.offer(
                [
                    DeliverEvent(tenant=tenant, event=event_id, target=at, attempts=target.attempts)
                    for at, target in again.items()
                ]
            )
            log.info("event asked for again", extra={"event_id": event_id, "job_id": view.job.id})
            return event_view(engine, tenant, event_id)
    raise TransientError("the event stays contended")


def _refuse_hopeless(view: EventView) -> None:
    told = view.told
    if not told.targets:
        raise CallerError("invalid_transition", "Nobody is told of this event: no callback of its job wanted its type.")
    if told.event.is_progress:
        raise CallerError("invalid_transition", "Progress is told once and then out of date: read the job instead.")
    if told.rounds >= ROUNDS_MOST:
        raise CallerError("invalid_transition", f"The event was asked for {ROUNDS_MOST} times, which is the most.")


def _anew(engine: Engine, told: StoredEvent) -> dict[int, Target]:
    now = stamp(engine.now())
    return {
        at: replace(target, state=TargetState.PENDING, first=target.attempts, next_at=now)
        for at, target in told.targets.items()
    }


def _writes(engine: Engine, view: EventView, again: dict[int, Target]) -> list[Write]:
    """The event as it is to be, if it still is as it was read, and its targets on again for the job."""
    told = view.told
    as_read: list[Condition] = [told.same_round]
    for at, target in told.targets.items():
        as_read += [Is(f"targets.{at}.state", target.state.value), Is(f"targets.{at}.attempts", target.attempts)]
    event = Update(
        told.key,
        set={
            "targets": {str(at): target_value(target) for at, target in again.items()},
            "rounds": told.rounds + 1,
            "looks": 0,
            **telling_due_in(engine, told.event.id, engine.policy.times.event_retry),
        },
        when=tuple(as_read),
    )
    off = view.job.callbacks_off & again.keys()
    return [event, *([Update(view.job.record_key, take={"callbacks_off": off}, when=(Has("state"),))] if off else [])]
