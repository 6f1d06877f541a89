"""Make a run visible: one pointer flip, after the index shows every chunk of it."""

import logging

from forebay.domain.commands import PublishDocument
from forebay.domain.errors import Superseded
from forebay.domain.job import Counts
from forebay.domain.records import Is, Update, Value
from forebay.domain.stored_document import DeadRun, Document, Visible, dead_value, visible_value
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, RowState
from forebay.service.due import due_after_grace
from forebay.service.engine import Engine
from forebay.service.fence import held_document
from forebay.service.finish import finish
from forebay.service.settle import Outcome, settle
from forebay.service.take_over import visibility_writes

log = logging.getLogger(__name__)

# What `visible` and the row have from now on: without it a record at rest fits into one write unit of 1 KB.
_MOVED = ("done", "attempt", "sha256", "fingerprint", "origin", "started", "metadata")

_TRIES = 6  # then sweep takes over: a function that keeps sending itself messages is stopped by Lambda after 16


def publish(engine: Engine, command: PublishDocument) -> None:
    """Do the command; any number of times. Raises Superseded, TransientError."""
    document = held_document(engine, command)
    if document.state is DocumentState.INDEXING:
        publish_document(engine, document, tries=command.tries)
    else:
        finish(engine, document.job)


def publish_document(engine: Engine, document: Document, *, tries: int) -> None:
    """Flip the pointer if the index shows the whole run; else ask again after its refresh, a little later each time."""
    if len(document.done) < document.batches:
        raise Superseded("batches are asked for again")
    if engine.index.count(document.run) < document.chunks:
        if tries < _TRIES:
            delay = min(60, engine.policy.times.publish_retry * 2**tries)
            engine.queues.offer([publish_command(document, tries + 1)], delay_seconds=delay)
        return
    _flip(engine, document)


def publish_command(document: Document, tries: int = 0) -> PublishDocument:
    """The command that publishes the document's run."""
    return PublishDocument(
        tenant=document.tenant, collection=document.collection, key=document.key, run=document.run, tries=tries
    )


def _flip(engine: Engine, document: Document) -> None:
    now, old = stamp(engine.now()), document.visible
    change: dict[str, Value] = {
        "state": DocumentState.READY.value,
        "visible": visible_value(_visible(document)),
        "updated": now,
    }
    if old is not None:
        change[f"dead.{old.run}"] = dead_value(DeadRun(old.chunks, now, old.origin))
    leaves_garbage = old is not None or bool(document.dead)
    if leaves_garbage:
        change |= due_after_grace(engine, document.key)
    counts = Counts(
        ready=1,
        chunks=document.chunks,
        embedded=document.chunks,
        deleted=old.chunks if old is not None else 0,
        batches=document.batches,
    )
    settle(
        engine,
        document,
        Outcome(DocumentState.READY, RowState.READY, counts),
        Update(
            document.record_key,
            set=change,
            remove=(*_MOVED, *(() if leaves_garbage else ("due_pk", "due_at"))),
            when=(Is("state", document.state.value),),
        ),
        visibility_writes([(document, 0 if old else 1, document.chunks - (old.chunks if old else 0))]),
    )


def _visible(document: Document) -> Visible:
    return Visible(
        run=document.run,
        attempt=document.attempt,
        batches=document.batches,
        chunks=document.chunks,
        pages=document.pages,
        size_bytes=document.size_bytes,
        sha256=document.sha256,
        fingerprint=document.fingerprint,
        name=document.name,
        media_type=document.media_type,
        job=document.job,
        origin=document.origin,
        metadata=document.metadata,
    )
