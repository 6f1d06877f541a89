"""PurgeDocument: remove what dead runs of a document left in the index and in the object store.

A deletion is purged twice: at once, so that its job can promise that nothing is left, and after the grace period,
when no worker that held a dead run can still be alive to write for it. The tombstone is final only then.
"""

import logging
from collections.abc import Mapping

from forebay.domain import keys
from forebay.domain.commands import PurgeDocument
from forebay.domain.document import RunId, TenantId
from forebay.domain.job import Counts
from forebay.domain.records import Is, Refused, Update
from forebay.domain.stored_document import DeadRun, Document, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import WORKING, DocumentState, RowState
from forebay.service.due import due_after_grace, past_grace
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.first_command import purge_command
from forebay.service.remove import TOMBSTONE_KEPT
from forebay.service.settle import Outcome, settle

log = logging.getLogger(__name__)

_TRIES = 6  # then sweep takes over, as in publish


def purge(engine: Engine, command: PurgeDocument) -> None:
    """Do the command; any number of times. Raises Superseded, TransientError."""
    record = engine.records.get(keys.document(command.tenant, command.collection, command.key))
    if record is None:
        return
    document = document_of(record)
    if document.state is DocumentState.DELETING and not document.purged:
        _first_purge(engine, document, command.tries)
        return
    if document.state is DocumentState.DELETING:
        finish(engine, document.job)
    old = past_grace(engine, document.dead)
    _remove(engine, document, old)
    _forget(engine, document, old)


def _first_purge(engine: Engine, document: Document, tries: int) -> None:
    """Empty the index of every dead run, see that it is empty, and let the deletion's job end."""
    _remove(engine, document, document.dead)
    if any(engine.index.count(run) for run in document.dead):
        if tries < _TRIES:
            delay = min(60, engine.policy.times.publish_retry * 2**tries)
            engine.queues.offer([purge_command(document, tries + 1)], delay_seconds=delay)
        return
    outcome = Outcome(DocumentState.DELETING, RowState.READY, Counts(ready=1, deleted=document.chunks))
    change = Update(
        document.record_key,
        set={"purged": True, "updated": stamp(engine.now()), **due_after_grace(engine, document.key)},
    )
    settle(engine, document, outcome, change)


def _remove(engine: Engine, document: Document, dead: Mapping[RunId, DeadRun]) -> None:
    """What the runs wrote; and their content, unless a newer run, or the visible one, is of the same."""
    in_use = {document.origin, document.visible.origin if document.visible is not None else ""}
    for run, left in dead.items():
        if left.chunks:
            engine.index.remove(run, left.chunks)
        engine.objects.delete_prefix(keys.run_objects(run))
        if left.origin not in in_use:
            _remove_content(engine, document.tenant, run, left.origin)


def _remove_content(engine: Engine, tenant: TenantId, run: RunId, origin: str) -> None:
    if keys.is_fetched(origin):  # first: see fetch
        engine.objects.delete_prefix(keys.url_object(origin))
    if origin:
        engine.objects.delete_prefix(keys.own_folder(origin) or keys.source_object(run))
    if origin.startswith(keys.upload_object(tenant, "")):
        engine.objects.delete_upload(origin)


def _forget(engine: Engine, document: Document, removed: Mapping[RunId, DeadRun]) -> None:
    """Strike the removed runs off; when none is left, the document rests, or the tombstone is final."""
    left = [run for run in document.dead if run not in removed]
    changes = Update(document.record_key, remove=tuple(f"dead.{run}" for run in removed))
    if not left and document.state is DocumentState.DELETING:
        changes = Update(
            document.record_key,
            set={
                "state": DocumentState.DELETED.value,
                "updated": stamp(engine.now()),
                "ttl": int((engine.now() + TOMBSTONE_KEPT).timestamp()),
            },
            remove=(*changes.remove, "due_pk", "due_at"),
        )
    elif not left and document.state not in WORKING:
        changes = Update(document.record_key, remove=(*changes.remove, "due_pk", "due_at"))
    elif document.state not in WORKING:
        changes = Update(document.record_key, set=due_after_grace(engine, document.key), remove=changes.remove)
    if not (changes.set or changes.remove):
        return
    fenced = (Is("run", document.run), Is("state", document.state.value))
    gone = engine.records.write(Update(changes.key, set=changes.set, remove=changes.remove, when=fenced))
    if isinstance(gone, Refused):
        return  # it moved on meanwhile: the runs are struck off by the next purge
    log.info("document purged", extra={"document_key": document.key, "runs": len(removed)})
