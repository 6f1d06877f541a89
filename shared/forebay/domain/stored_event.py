"""An event's record: its body, whom it is to be told, and the log of how that went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from forebay.domain.delivery import Attempt, Target, TargetState, attempt_of, target_of
from forebay.domain.document import JobId, TenantId
from forebay.domain.events import Event
from forebay.domain.job import Job
from forebay.domain.records import Condition, Is, Key, Lacks, Record, members, number, text


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as the record store keeps it."""

    key: Key
    event: Event
    tenant: TenantId
    job: JobId
    epoch: str  # of the job, when it happened
    job_created: str  # when the job was made: an id that comes back is another job's
    told_at: str  # when the bus took it, for the first time
    targets: Mapping[int, Target]  # by position among the job's callbacks
    attempts: Sequence[Attempt]  # oldest first
    looks: int  # how often sweep looked at it since something last happened
    rounds: int  # how often it was asked for again
    due_at: str

    def is_of(self, job: Job) -> bool:
        """Did it happen to this job? One that has expired may have left its id to another."""
        return self.job == job.id and self.job_created == job.created_at

    @property
    def pending(self) -> Mapping[int, Target]:
        """The targets that are still to be told."""
        return {at: target for at, target in self.targets.items() if target.state is TargetState.PENDING}

    @property
    def same_round(self) -> Condition:
        """It was not asked for again since it was read."""
        return Is("rounds", self.rounds) if self.rounds else Lacks("rounds")


def event_of(record: Record) -> StoredEvent:
    """The event in a stored record."""
    targets, log = members(record, "targets"), members(record, "log")
    attempts = [attempt_of(members(log, name)) for name in log]
    return StoredEvent(
        key=Key(text(record, "pk"), text(record, "sk")),
        event=Event.model_validate_json(text(record, "body")),
        tenant=TenantId(text(record, "tenant")),
        job=JobId(text(record, "job")),
        epoch=text(record, "epoch"),
        job_created=text(record, "job_created"),
        told_at=text(record, "told"),
        targets={int(at): target_of(members(targets, at)) for at in sorted(targets, key=int)},
        attempts=sorted(attempts, key=lambda attempt: (attempt.at, attempt.target, attempt.number)),
        looks=number(record, "looks"),
        rounds=number(record, "rounds"),
        due_at=text(record, "due_at"),
    )
