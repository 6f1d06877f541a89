"""Dead letters: what was tried too often ends, with a reason, and its body is kept for whoever looks into it."""

import logging
from dataclasses import dataclass

from forebay.domain import keys
from forebay.domain.commands import (
    Command,
    DeliverEvent,
    EmbedChunks,
    ExpandJob,
    ExtractDocument,
    FetchDocument,
    PublishDocument,
)
from forebay.domain.errors import DocumentError
from forebay.domain.job import job_of
from forebay.service.deliver import give_up as give_up_delivery
from forebay.service.engine import Engine
from forebay.service.expand import give_up
from forebay.service.fail import fail
from forebay.service.intake import intake

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was received too often."""

    id: str
    body: str
    command: Command | None = None  # what it says, if it is a command
    object_key: str = ""  # what it is about, if it is an object's event


def bury(engine: Engine, letter: DeadLetter) -> None:
    """Keep the body; end what the command was for, if that still waits for it. Idempotent.

    An object's event is a hint and never poison: the object is looked at once more. A PurgeDocument is only kept:
    sweep repeats it when it is due. Raises Superseded, TransientError.
    """
    engine.objects.put(f"buried/{letter.id}.json", letter.body.encode())
    log.error("message buried", extra={"message_id": letter.id, "command": type(letter.command).__name__})
    match letter.command:
        case FetchDocument() | ExtractDocument() | EmbedChunks() | PublishDocument() as work:
            fail(engine, work, DocumentError("poison", f"{work.type} failed every time it was tried"))
        case ExpandJob() as command:
            _give_up(engine, command)
        case DeliverEvent() as command:
            give_up_delivery(engine, command)
        case None if letter.object_key:
            intake(engine, letter.object_key)
        case _:
            return


def _give_up(engine: Engine, command: ExpandJob) -> None:
    record = engine.records.get(keys.job(command.job))
    job = job_of(record) if record is not None else None
    if job is not None and job.expanding and not job.ended:
        give_up(engine, job)
