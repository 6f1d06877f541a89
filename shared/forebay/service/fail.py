"""End a document's run as FAILED: with the code that says why, and what an earlier version shows untouched."""

import logging

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentKey, RunId, TenantId
from forebay.domain.errors import ForebayError, Superseded
from forebay.domain.job import Counts
from forebay.domain.records import Update
from forebay.domain.stored_document import DeadRun, dead_value, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import WORKING, DocumentState, RowState
from forebay.service.due import due_after_grace
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.settle import Outcome, settle

log = logging.getLogger(__name__)


def fail(
    engine: Engine, tenant: TenantId, collection: Collection, key: DocumentKey, run: RunId, error: ForebayError
) -> None:
    """The document's run ends with `error`. Idempotent. Raises Superseded, TransientError."""
    record = engine.records.get(keys.document(tenant, collection, key))
    document = document_of(record) if record is not None else None
    if document is None or document.run != run:
        raise Superseded()
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
    )
    outcome = Outcome(DocumentState.FAILED, RowState.FAILED, Counts(failed=1), error.code, error.message)
    settle(engine, document, outcome, change)
