"""End a document's run as FAILED: with the code that says why, and what an earlier version shows untouched."""

import logging

from forebay.domain.commands import RunCommand
from forebay.domain.errors import ForebayError
from forebay.domain.job import Counts
from forebay.domain.records import Is, Update
from forebay.domain.transitions import WORKING, DocumentState, RowState
from forebay.service.engine import Engine
from forebay.service.fence import held_document, still_waits
from forebay.service.finish import finish
from forebay.service.settle import Outcome, settle, without_result

log = logging.getLogger(__name__)


def fail(engine: Engine, work: RunCommand, error: ForebayError) -> None:
    """The run that `work` is for ends with `error`, if it still waits for that work. Idempotent.

    Where another delivery of the command has done it, how this one failed says nothing of the document: it may only
    have been slower. Raises Superseded, TransientError.
    """
    document = held_document(engine, work)
    if document.state not in WORKING:
        finish(engine, document.job)
    if not still_waits(document, work):
        return
    outcome = Outcome(DocumentState.FAILED, RowState.FAILED, Counts(failed=1), error.code, error.message)
    change = Update(
        document.record_key,
        set=without_result(engine, document, outcome),
        when=(Is("state", document.state.value),),
    )
    settle(engine, document, outcome, change)
