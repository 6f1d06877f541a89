"""Dead letters: what was tried too often ends, with a reason, and its body is kept for whoever looks into it."""

import logging

from forebay.domain import keys
from forebay.domain.commands import Command, EmbedChunks, ExpandJob, ExtractDocument, PublishDocument
from forebay.domain.errors import CATALOGUE, DocumentError
from forebay.domain.job import job_of
from forebay.domain.transitions import JobState
from forebay.service.engine import Engine
from forebay.service.fail import fail
from forebay.service.finish import end

log = logging.getLogger(__name__)


def bury(engine: Engine, command: Command | None, body: str, message_id: str) -> None:
    """Keep the body; end what the command was for. `command` is None when nobody can read it. Idempotent.

    Raises Superseded, TransientError. A dead PurgeDocument is only kept: sweep repeats it when it is due.
    """
    engine.objects.put(f"buried/{message_id}.json", body.encode())
    log.error("message buried", extra={"message_id": message_id, "command": type(command).__name__})
    match command:
        case ExtractDocument() | EmbedChunks() | PublishDocument():
            error = DocumentError("poison", f"{command.type} failed every time it was tried")
            fail(engine, command, error)
        case ExpandJob():
            _end_job(engine, command)
        case _:
            return


def _end_job(engine: Engine, command: ExpandJob) -> None:
    record = engine.records.get(keys.job(command.job))
    if record is None or job_of(record).ended:
        return
    end(engine, job_of(record), JobState.FAILED, "poison", CATALOGUE["poison"].title)
