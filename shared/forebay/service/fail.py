"""End a document's run as FAILED: with the code that says why, and what an earlier version shows untouched."""

import logging

from forebay.domain.commands import RunCommand
from forebay.domain.errors import ForebayError
from forebay.domain.job import Counts
from forebay.domain.records import Is, Update
from forebay.domain.stored_document import DeadRun, dead_value
from forebay.domain.times import stamp
from forebay.domain.transitions import WORKING, DocumentState, RowState
from forebay.service.due import due_after_grace
from forebay.service.engine import Engine
from forebay.service.fence import held_document
from forebay.service.finish import finish
from forebay.service.settle import Outcome, settle

log = logging.getLogger(__name__)


def fail(engine: Engine, work: RunCommand, error: ForebayError) -> None:
    """The run that `work` is for ends with `error`. Idempotent. Raises Superseded, TransientError."""
    document = held_document(engine, work)
    if document.state not in WORKING:
        finish(engine, document.job)
        return
    now = stamp(engine.now())
    # The content stays for a retry; chunks and batches of this run go after the grace period.
    change = Update(
        document.record_key,
        set={
            "state": DocumentState.FAILED.value,
            "error": error.code,
            "message": error.message[:500],
            "updated": now,
            f"dead.{document.run}": dead_value(DeadRun(document.chunks, now)),
            **due_after_grace(engine, document.key),
        },
        when=(Is("state", document.state.value),),
    )
    outcome = Outcome(DocumentState.FAILED, RowState.FAILED, Counts(failed=1), error.code, error.message)
    settle(engine, document, outcome, change)
