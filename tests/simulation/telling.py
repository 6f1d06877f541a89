"""What must hold of events and of their deliveries.

Always: a job has ended exactly when the event of its end is recorded, once for each time that it was started; the event
of a document's end is of a row that ended so and wants to be told; an event never changes, and nothing else is
published; attempts are claimed one by one, each has its line in the log, and a line
is written once; whatever is sent was claimed, is of a target that still waits for it, and goes under the event's own
id, with the same body each time and, to a webhook, signed; no progress is sent after the end; no secret is recorded
anywhere. At rest: every end of a row that wants to be told has its event; every event was published, and every target
is delivered, failed, disabled or dropped.
"""

import hmac
from base64 import b64decode, b64encode
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_of
from forebay.domain.delivery import WAITS_SECONDS, Attempt, BrokerMessage, Target, TargetState
from forebay.domain.document import DocumentKey, JobId
from forebay.domain.events import DOCUMENT_ENDS, JOB_ENDS, JOB_EVENT_PREFIX, DocumentEnded
from forebay.domain.job import Job, Row
from forebay.domain.records import Key, Record, text
from forebay.domain.stored_event import StoredEvent, event_of
from tests.simulation.receivers import Came
from tests.simulation.world import TENANT, World

_PENDING: Final = TargetState.PENDING
_UNDONE: Final = "interrupted"  # in the log, until an attempt's end is recorded

Place = tuple[str, int]  # an event's id, and the position of a callback
End = tuple[JobId, DocumentKey, str]  # of a row, and when it was


class TellingAuditor:
    """Looks at events, their deliveries and what comes to those who are told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._events: dict[str, StoredEvent] = {}
        self._of_job: dict[JobId, set[str]] = defaultdict(set)
        self._ended: dict[End, Row] = {}  # rows as they ended, that want to be told
        self._told: dict[End, str] = {}
        self._published: set[str] = set()
        self._heard = 0  # of what was published
        self._posted = 0
        self._brokered = 0
        self._sent: Tally[Place] = Tally()
        self._bodies: dict[Place, bytes] = {}
        self._taken: set[Place] = set()
        self._told_ends: set[tuple[JobId, str, int]] = set()

    # -- always --------------------------------------------------------------------------------------------------

    def leaks(self, key: Key, record: Record) -> Iterator[str]:
        """Is a secret in a record?"""
        if self.world.secrets and any(secret in repr(record) for secret in self.world.secrets):
            yield f"a secret stands in {key}"

    def row_ended(self, row: Row) -> None:
        """A row is final."""
        if row.options.announced or self.world.engine.policy.document_events:
            self._ended[row.job, row.key, row.finished_at] = row

    def changed(self, key: Key, before: Record | None, after: Record) -> Iterator[str]:
        """An event's record was made or has changed."""
        now, was = event_of(after), event_of(before) if before is not None else None
        id_ = now.event.id
        self._events[id_] = now
        self._of_job[now.job].add(id_)
        if keys.event(id_) != key:
            yield f"{id_} stands at {key}"
        if was is None:
            yield from self._begins(now)
        elif (now.event, now.job, now.epoch, now.targets.keys()) != (was.event, was.job, was.epoch, was.targets.keys()):
            yield f"the event {id_} has changed"
        else:
            for place in now.targets:
                yield from self._moved(was, now, place)

    def _begins(self, now: StoredEvent) -> Iterator[str]:
        wanted = sum(1 for target in now.targets.values() if target.state is _PENDING)
        if wanted != now.event.callbacks:
            yield f"{now.event.id} says {now.event.callbacks} callbacks, {wanted} are to be told"
        if now.event.type in DOCUMENT_ENDS:
            yield from self._tells_of_a_row(now)
        if now.attempts or any(target.attempts for target in now.targets.values()):
            yield f"{now.event.id} begins with attempts"

    def _tells_of_a_row(self, now: StoredEvent) -> Iterator[str]:
        document = DocumentEnded.model_validate(now.event.data).document
        end = (now.job, DocumentKey(document.key), document.finished_at)
        row = self._ended.get(end)
        status = "ready" if document.status == "deleted" else document.status
        if row is None or row.state != status:
            yield f"{now.event.id} tells of {document}, the row is {row}"
        if end in self._told:
            yield f"{now.event.id} tells what {self._told[end]} has told"
        self._told[end] = now.event.id

    def _moved(self, was: StoredEvent, now: StoredEvent, place: int) -> Iterator[str]:
        name, old, new = f"{now.event.id} to {place}", was.targets[place], now.targets[place]
        asked_again = now.rounds > was.rounds
        if asked_again and (new.state, new.first, new.attempts) != (_PENDING, old.attempts, old.attempts):
            yield f"{name} was asked for again, and went from {old} to {new}"
        if old.state is not _PENDING and new != old and not asked_again:
            yield f"{name} was {old.state}, and is {new.state} after {new.attempts} attempts"
        begun = new.attempts == old.attempts + 1 and new.state in (_PENDING, TargetState.FAILED)
        if new.attempts != old.attempts and not begun:
            yield f"{name} went from {old} to {new}"
        before, after = _lines(was, place), _lines(now, place)
        if len(after) != new.attempts:
            yield f"{name} was attempted {new.attempts} times, of which the log tells {len(after)}"
        yield from (
            f"the log of {name} was rewritten: {earlier}, {later}"
            for earlier, later in zip(before, after, strict=False)
            if earlier != later and earlier.error != _UNDONE
        )

    def look(self) -> Iterator[str]:
        """What was published and sent meanwhile."""
        published = self.world.published()
        for event in published[self._heard :]:
            recorded = self._events.get(event.id)
            if recorded is None or recorded.event != event:
                yield f"{event.id} was published, but recorded is {recorded}"
            self._published.add(event.id)
        self._heard = len(published)
        for came in self.world.receivers.came[self._posted :]:
            yield from self._came(came)
        self._posted = len(self.world.receivers.came)
        for message in self.world.broker.published[self._brokered :]:
            yield from self._brokered_message(message)
        self._brokered = len(self.world.broker.published)

    def ends(self, job: Job) -> Iterator[str]:
        """The job's state and the events of its ends belong together."""
        ends = [self._events[id_] for id_ in self._of_job[job.id] if self._events[id_].event.type in JOB_ENDS]
        of_epoch = Tally(told.epoch for told in ends)
        yield from (f"{job.id} ended {n} times in {epoch}" for epoch, n in of_epoch.items() if n > 1)
        now = [told.event.type for told in ends if told.epoch == job.epoch]
        if now != ([JOB_EVENT_PREFIX + job.state] if job.ended else []):
            yield f"{job.id} is {job.state}, its end is recorded as {now}"
        sequences = [self._events[id_].event.sequence for id_ in self._of_job[job.id]]
        if len(set(sequences)) != len(sequences) or any(n not in range(1, job.sequence + 1) for n in sequences):
            yield f"the events of {job.id} are numbered {sequences}, the last is {job.sequence}"

    def _callbacks(self, told: StoredEvent) -> Sequence[Callback]:
        return callbacks_of(text(self.world.records()[keys.job(told.job)], "callbacks"))

    def _came(self, came: Came) -> Iterator[str]:
        told = self._events.get(came.event)
        if told is None:
            yield f"{came.event} was sent to {came.url}, but is not recorded"
            return
        callbacks = self._callbacks(told)
        place = next(at for at, callback in enumerate(callbacks) if callback.url == came.url)
        yield from self._sent_to(told, place, came.body)
        if came.body != told.event.model_dump_json().encode():
            yield f"{came.event} was sent with another body than it has"
        if came.headers["webhook-signature"].split() != [*self._signatures(came, callbacks[place])]:
            yield f"{came.event} was signed otherwise: {came.headers}"
        if came.taken:
            self._taken.add((came.event, place))

    def _signatures(self, came: Came, callback: Callback) -> Iterator[str]:
        content = f"{came.event}.{came.headers['webhook-timestamp']}.".encode() + came.body
        for sealed in callback.secrets:
            key = b64decode(self.world.vault.open(sealed, TENANT).removeprefix("whsec_"))
            yield f"v1,{b64encode(hmac.digest(key, content, 'sha256')).decode()}"

    def _brokered_message(self, message: BrokerMessage) -> Iterator[str]:
        told = self._events.get(message.message_id)
        if told is None:
            yield f"{message.message_id} was published to {message.exchange}, but is not recorded"
            return
        wanting = [at for at, callback in enumerate(self._callbacks(told)) if callback.means is Means.AMQP]
        place = next(at for at in wanting if self._callbacks(told)[at].exchange == message.exchange)
        yield from self._sent_to(told, place, message.body)
        self._taken.add((message.message_id, place))

    def _sent_to(self, told: StoredEvent, place: int, body: bytes) -> Iterator[str]:
        """Something was sent, whatever its receiver makes of it."""
        id_, target = told.event.id, told.targets[place]
        self._sent[id_, place] += 1
        name = f"{id_} to {place}"
        if target.state is not _PENDING and not told.rounds:  # what is asked for again may be under way still
            yield f"{name} is {target.state}, and was sent"
        if self._sent[id_, place] > target.attempts:
            yield f"{name} was sent {self._sent[id_, place]} times, of which {target.attempts} were claimed"
        if self._bodies.setdefault((id_, place), body) != body:
            yield f"{name} was sent with another body than before"
        of_job = (told.job, told.epoch, place)
        if told.event.is_progress and of_job in self._told_ends:
            yield f"{name} tells of progress after the end"
        if told.event.type in JOB_ENDS:
            self._told_ends.add(of_job)

    # -- at rest -------------------------------------------------------------------------------------------------

    def left_over(self) -> Iterator[str]:
        """What was not told as it should have been."""
        yield from (
            f"the end of {row.record_key} is not told" for end, row in self._ended.items() if end not in self._told
        )
        for id_, told in self._events.items():
            if not told.event.is_progress and (id_ not in self._published or not told.told_at):
                yield f"{id_} ({told.event.type} of {told.job}) was not published"
            for place, target in told.targets.items():
                yield from self._at_its_end(told, place, target)

    def _at_its_end(self, told: StoredEvent, place: int, target: Target) -> Iterator[str]:
        name = f"{told.event.id} to {place}"
        if target.state is _PENDING:
            yield f"{name} is still to be told"
        elif target.state is TargetState.DELIVERED and (told.event.id, place) not in self._taken:
            yield f"{name} is delivered, but nobody has taken it"
        elif target.state is TargetState.FAILED and target.tries < len(WAITS_SECONDS) and not told.event.is_progress:
            yield f"{name} has failed after {target.tries} tries"
        elif target.state is TargetState.DROPPED and told.event.type in JOB_ENDS:
            yield from self._dropped(told, name)

    def _dropped(self, told: StoredEvent, name: str) -> Iterator[str]:
        """An end is told unless it is not the last word any more."""
        record = self.world.records()[keys.job(told.job)]
        if told.epoch == text(record, "restarted", text(record, "created")):
            yield f"{name} was dropped"


def _lines(told: StoredEvent, place: int) -> list[Attempt]:
    """The log of one target, oldest first."""
    return sorted((attempt for attempt in told.attempts if attempt.target == place), key=lambda attempt: attempt.number)
