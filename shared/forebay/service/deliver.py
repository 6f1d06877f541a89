"""DeliverEvent: tell an event to the job's callbacks, one attempt at one target a message.

An attempt is claimed before it is made: one conditional write on the number of attempts, so that a message which comes
twice is done once. Who dies in between leaves an attempt without an end in the log, and the next one due.

    a progress event may not come after the job's end:
        progress   claim: the job goes on, lease until t ──── send ──── lease over
        end        claim ──── a lease? the message waits until t ──── send
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_of
from forebay.domain.commands import DeliverEvent
from forebay.domain.delivery import (
    GONE,
    QUEUED_TRIES,
    WAITS_SECONDS,
    Attempt,
    BrokerMessage,
    Reply,
    Target,
    TargetState,
    attempt_value,
    target_value,
    wait_seconds,
)
from forebay.domain.errors import Superseded
from forebay.domain.events import JOB_ENDS
from forebay.domain.job import TELLING, Job, job_of
from forebay.domain.records import Has, Is, IsOneOf, Update, Value, Write
from forebay.domain.signature import signed_headers
from forebay.domain.stored_event import StoredEvent, event_of
from forebay.domain.times import instant, stamp
from forebay.domain.transitions import OPEN_JOBS
from forebay.service.engine import Engine

log = logging.getLogger(__name__)

_DELAY_MOST_SECONDS = 900  # of a message
_HEADERS = {"content-type": "application/cloudevents+json; charset=utf-8", "user-agent": "forebay"}

_FAILED = Reply(error="unavailable")

# The message for the broker in the words of the job's API; None where that API tells no such thing, or no more.
Render = Callable[[Engine, Job, StoredEvent, Callback], BrokerMessage | None]


def deliver(engine: Engine, command: DeliverEvent, render: Render) -> None:
    """Do the command; any number of times. Raises Superseded, TransientError."""
    record = engine.records.get(keys.event(command.event))
    if record is None:
        raise Superseded("the event has expired")
    told = event_of(record)
    place = command.target
    if place is None:
        ask_for_each(engine, told)
        return
    target = told.pending.get(place)
    if target is None or target.attempts != command.attempts:
        raise Superseded("the attempt is another message's, or nothing more is to be told")
    job_record = engine.records.get(keys.job(told.job))
    job = job_of(job_record) if job_record is not None else None
    if job is None or not told.is_of(job):  # it has expired, and with it whoever was to be told
        _end(engine, _Delivery(told, place, target), TargetState.DROPPED)
    else:
        _attempt(engine, job, _Delivery(told, place, target), render)


def ask_for_each(engine: Engine, told: StoredEvent) -> None:
    """Ask for a delivery to each target whose next attempt is due."""
    now = stamp(engine.now())
    due = [_command(told, place, target) for place, target in told.pending.items() if target.next_at <= now]
    if due:
        engine.queues.offer(due)


def _command(told: StoredEvent, place: int, target: Target) -> DeliverEvent:
    return DeliverEvent(tenant=told.tenant, event=told.event.id, target=place, attempts=target.attempts)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """One event to one target, as it stands."""

    told: StoredEvent
    place: int
    target: Target

    @property
    def tries_most(self) -> int:
        """How often it is tried; progress is worth one attempt."""
        return 1 if self.told.event.is_progress else len(WAITS_SECONDS)

    def outdated(self, job: Job) -> bool:
        """Is it of progress that is over?"""
        return self.told.event.is_progress and (job.ended or job.epoch != self.told.epoch)

    def waits_until(self, job: Job) -> str:
        """Until when it must not be sent; empty, or past, when it may."""
        last = job.telling.get(self.place, "") if self.told.event.type in JOB_ENDS else ""
        return max(self.target.next_at, last)


def _attempt(engine: Engine, job: Job, delivery: _Delivery, render: Render) -> None:
    if delivery.place in job.callbacks_off:
        _end(engine, delivery, TargetState.DISABLED)
        return
    if delivery.target.tries >= delivery.tries_most:  # the last one was interrupted
        _end(engine, delivery, TargetState.FAILED)
        return
    if delivery.outdated(job):
        _end(engine, delivery, TargetState.DROPPED)
        return
    wait = (instant(delivery.waits_until(job)) - engine.now()).total_seconds()
    if wait > 0:
        command = _command(delivery.told, delivery.place, delivery.target)
        engine.queues.offer([command], delay_seconds=min(_DELAY_MOST_SECONDS, ceil(wait)))
        return
    send = _prepared(engine, job, delivery, render)
    if send is None:
        _end(engine, delivery, TargetState.DROPPED)
        return
    claimed = _claimed(engine, job, delivery)
    began = engine.now()
    reply = send()
    milliseconds = int((engine.now() - began).total_seconds() * 1_000)
    attempt = Attempt(delivery.place, claimed.target.attempts, stamp(began), reply.status, milliseconds, reply.error)
    _over(engine, job, claimed, attempt, reply)


def _prepared(engine: Engine, job: Job, delivery: _Delivery, render: Render) -> Callable[[], Reply] | None:
    """What sends it, with everything that can fail on our side behind it. None: there is nothing to send."""
    event, callback = delivery.told.event, callbacks_of(job.callbacks)[delivery.place]
    if callback.means is Means.AMQP:
        message = render(engine, job, delivery.told, callback)
        return None if message is None else lambda: engine.broker.publish(message)
    body = event.model_dump_json().encode()
    secrets = [engine.vault.open(sealed, delivery.told.tenant) for sealed in callback.secrets]
    headers = {**_HEADERS, **signed_headers(event.id, engine.now(), body, secrets)}
    return lambda: engine.webhooks.post(callback.url, headers, body)


def _claimed(engine: Engine, job: Job, delivery: _Delivery) -> _Delivery:
    """The delivery with one attempt more, which is this caller's. Raises Superseded when it is another's."""
    lease = stamp(engine.now() + timedelta(seconds=engine.policy.times.delivery))
    target = replace(delivery.target, attempts=delivery.target.attempts + 1, next_at=lease)
    begun = Attempt(delivery.place, target.attempts, stamp(engine.now()))
    writes: list[Write] = [_changed(engine, delivery, target, begun)]
    if delivery.told.event.is_progress:
        going_on = (IsOneOf("state", tuple(OPEN_JOBS)), job.same_epoch)
        writes.append(Update(job.record_key, set={f"{TELLING}{delivery.place}": lease}, when=going_on))
    # A transaction even where it is one write: a single write that is repeated may be refused by itself.
    if engine.records.transact(writes) is not None:
        raise Superseded("the attempt is another message's, or progress is over")
    return replace(delivery, target=target)


def _over(engine: Engine, job: Job, delivery: _Delivery, attempt: Attempt, reply: Reply) -> None:
    """Record how the attempt ended, and what is next."""
    told, place = delivery.told, delivery.place
    facts = {"event_id": told.event.id, "job_id": told.job, "target": place, "attempt": attempt.number}
    log.info("delivery attempted", extra={**facts, "status": reply.status, "error": reply.error or None})
    if told.event.is_progress:
        name = f"{TELLING}{place}"
        mine = (Is(name, delivery.target.next_at),)
        engine.records.write(Update(job.record_key, remove=(name,), when=mine))
    state, next_at = _next(engine, delivery, reply)
    target = replace(delivery.target, state=state, next_at=next_at)
    writes: list[Write] = [_changed(engine, delivery, target, attempt)]
    if reply.status == GONE:
        writes.append(Update(job.record_key, add={"callbacks_off": frozenset({place})}, when=(Has("state"),)))
    if engine.records.transact(writes) is not None:
        engine.records.write(Update(told.key, set=_line(attempt), when=(Has("body"),)))
        raise Superseded("it was asked for again, or the attempt took so long that another was begun")
    if state is TargetState.PENDING and target.tries < QUEUED_TRIES:
        wait = ceil((instant(next_at) - engine.now()).total_seconds())
        if wait <= _DELAY_MOST_SECONDS:
            engine.queues.offer([_command(told, place, target)], delay_seconds=max(0, wait))


def _next(engine: Engine, delivery: _Delivery, reply: Reply) -> tuple[TargetState, str]:
    target, event = delivery.target, delivery.told.event
    if not reply.error:
        return TargetState.DELIVERED, ""
    if reply.status == GONE:
        return TargetState.DISABLED, ""
    if target.tries >= delivery.tries_most:
        return TargetState.FAILED, ""
    wait = wait_seconds(target.tries, f"{event.id}{delivery.place}", reply.retry_after)
    return TargetState.PENDING, stamp(engine.now() + timedelta(seconds=wait))


def _changed(engine: Engine, delivery: _Delivery, target: Target, attempt: Attempt | None = None) -> Update:
    """The write after which the delivery stands as `target` says, if it still stands as it was read."""
    told, path = delivery.told, f"targets.{delivery.place}"
    others = [each for place, each in told.pending.items() if place != delivery.place]
    line = _line(attempt) if attempt is not None else {}
    due, over = _next_look(engine, told, [*others, *([target] if target.state is TargetState.PENDING else [])])
    return Update(
        told.key,
        set={path: target_value(target), "looks": 0, **line, **due},
        remove=over,
        when=(
            Is(f"{path}.attempts", delivery.target.attempts),
            Is(f"{path}.state", TargetState.PENDING.value),
            told.same_round,
        ),
    )


def _line(attempt: Attempt) -> Mapping[str, Value]:
    """The attempt's line in the log."""
    return {f"log.{attempt.target}-{attempt.number}": attempt_value(attempt)}


def _next_look(
    engine: Engine, told: StoredEvent, pending: Sequence[Target]
) -> tuple[Mapping[str, Value], tuple[str, ...]]:
    """When sweep should look at the event: once it should have been told and each attempt should have been made."""
    slack = timedelta(seconds=engine.policy.times.event_retry)
    looks = [instant(each.next_at) + (slack if each.tries < QUEUED_TRIES else timedelta()) for each in pending]
    if not (told.told_at or told.event.is_progress):
        looks.append(engine.now() + slack)
    if not looks:
        return {}, ("due_pk", "due_at")
    return {"due_pk": keys.telling_shard(told.event.id), "due_at": stamp(min(looks))}, ()


def _end(engine: Engine, delivery: _Delivery, state: TargetState) -> None:
    """No attempt is made any more."""
    engine.records.write(_changed(engine, delivery, replace(delivery.target, state=state, next_at="")))


def drop_overdue(engine: Engine, told: StoredEvent) -> None:
    """What could not be told of progress in its time is not told any more."""
    now = stamp(engine.now())
    for place, target in told.pending.items():
        if target.next_at <= now:
            _end(engine, _Delivery(told, place, target), TargetState.DROPPED)


def give_up(engine: Engine, command: DeliverEvent) -> None:
    """No message for these targets could be worked on: that was an attempt, too; the next is due by the schedule."""
    record = engine.records.get(keys.event(command.event))
    if record is None:
        return
    told = event_of(record)
    for place, target in told.pending.items():
        if command.target in (None, place) and target.attempts == command.attempts:
            begun = replace(target, attempts=target.attempts + 1)
            state, next_at = _next(engine, _Delivery(told, place, begun), _FAILED)
            line = Attempt(place, begun.attempts, stamp(engine.now()), error=_FAILED.error)
            after = replace(begun, state=state, next_at=next_at)
            engine.records.write(_changed(engine, _Delivery(told, place, target), after, line))
