"""ExtractDocument: claim the document, read its text, cut it into chunks, put them aside in batches, ask for embedding.

Nothing is visible yet. The chunk set is fixed by one conditional write; two workers on the same document write under
different attempts, and the first to fix its chunks wins. Of a long document each invocation reads a part: the first to
record where it stopped fixes the attempt, and sends the message for the next part.
"""

import hashlib
import logging
import tempfile
from dataclasses import replace
from pathlib import Path

from forebay.domain import keys
from forebay.domain.commands import EmbedChunks, ExtractDocument
from forebay.domain.document import ObjectRef
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.domain.fetched import fetched_of
from forebay.domain.fingerprint import fingerprint
from forebay.domain.job import Counts, row_of
from forebay.domain.records import Below, Condition, Is, IsOneOf, Lacks, Refused, Update, Value
from forebay.domain.stored_document import DeadRun, Document, Stop, dead_value, document_of, stop_value
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, RowState, before
from forebay.service.cut import Cut, Material, cut
from forebay.service.due import due, due_after_grace
from forebay.service.engine import Engine
from forebay.service.fence import held_document
from forebay.service.finish import finish
from forebay.service.first_command import extract_command
from forebay.service.progress import report
from forebay.service.settle import Outcome, settle
from forebay.service.sources import row_metadata

log = logging.getLogger(__name__)


def extract(engine: Engine, command: ExtractDocument) -> None:
    """Do the command; any number of times.

    Raises DocumentError (the document cannot be ingested), Superseded, TransientError.
    """
    document = _claimed(engine, command)
    if document is None:
        return
    if not document.parts:
        report(engine, document, DocumentState.QUEUED, 1.0)
    metadata = _metadata(engine, document)
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        document = _downloaded(engine, document, metadata, content)
        if _unchanged(document):
            _end_unchanged(engine, document)
            return
        found = cut(engine, Material(document, metadata), content)
    if isinstance(found, Stop):
        _go_on(engine, document, found)
    else:
        _fix(engine, document, found)


def _claimed(engine: Engine, command: ExtractDocument) -> Document | None:
    """The document, now EXTRACTING by us; None when another delivery of this command has done the work."""
    key = keys.document(command.tenant, command.collection, command.key)
    now = stamp(engine.now())
    claimed = engine.records.write(
        Update(
            key,
            set={"state": DocumentState.EXTRACTING.value, "updated": now, **due(engine, command.key)},
            default={"started": now},
            add={"attempts": 1},
            when=(
                Is("run", command.run),
                IsOneOf("state", before(DocumentState.EXTRACTING)),
                _after_parts(command.part),
                Below("attempts", engine.policy.limits.attempts),
            ),
        )
    )
    if not isinstance(claimed, Refused):
        return document_of(claimed)
    document = held_document(engine, command)
    if document.state in before(DocumentState.EXTRACTING) and document.parts == command.part:
        raise DocumentError("poison", f"reading was tried {document.attempts} times")
    _ask_for_what_follows(engine, document)
    return None


def _after_parts(parts: int) -> Condition:
    """So many parts were read, and no more."""
    return Is("stop.parts", parts) if parts else Lacks("stop")


def _ask_for_what_follows(engine: Engine, document: Document) -> None:
    """The work was done before, or by someone else: whoever did it may have died before asking for what follows."""
    if document.state is DocumentState.INDEXING:
        ask_for_embedding(engine, document)
    elif document.state is DocumentState.EXTRACTING:
        engine.queues.offer([extract_command(document.tenant, document)])
    else:
        finish(engine, document.job)


def _metadata(engine: Engine, document: Document) -> str:
    """The document's metadata as JSON; its row is read only where it is large."""
    if document.metadata:
        return document.metadata
    record = engine.records.get(document.row_key)
    if record is None:
        raise Superseded("the job has expired")
    return row_metadata(engine, row_of(record))


def _fetched(engine: Engine, document: Document, source: ObjectRef) -> Document:
    """The document with the version that was fetched and what its server said of it; the caller's own word is worth
    more. Raises DocumentError: why nothing could be fetched."""
    found = engine.objects.head(source.bucket, source.key)
    if found is None:
        raise DocumentError("source_missing", "what was fetched is gone")
    said = fetched_of(found.metadata)
    return replace(
        document,
        source=found,
        name=document.name or said.name,
        declared_type=document.declared_type or said.media_type,
    )


def _downloaded(engine: Engine, document: Document, metadata: str, content: Path) -> Document:
    """The document with what its content tells: size, hash, fingerprint."""
    fetched = document.source is not None and document.source.unseen
    if document.source is not None and fetched:
        document = _fetched(engine, document, document.source)
    most = engine.policy.limits.file_bytes
    if document.source is not None and document.source.size_bytes > most:  # else it might not fit into /tmp
        message = f"the file has {document.source.size_bytes} bytes; at most {most} are taken"
        raise DocumentError("too_large", message)
    if document.source is None or not engine.objects.download(document.source, content):
        if fetched:
            raise TransientError("the content was fetched anew meanwhile")
        raise DocumentError("source_missing", "the source object is gone")
    size = content.stat().st_size
    with content.open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
    mark = fingerprint(
        document.options,
        document.name,
        document.declared_type,
        metadata,
        model=engine.tokenizer.fingerprint,
    )
    return replace(document, size_bytes=size, sha256=sha256, fingerprint=mark)


def _unchanged(document: Document) -> bool:
    seen = document.visible
    if seen is None or document.options.reprocess:
        return False
    return (seen.sha256, seen.fingerprint) == (document.sha256, document.fingerprint)


def _end_unchanged(engine: Engine, document: Document) -> None:
    seen = document.visible
    if seen is None:
        raise TypeError("only a visible document can be unchanged")
    known = replace(document, pages=seen.pages, chunks=seen.chunks, media_type=seen.media_type)
    outcome = Outcome(DocumentState.READY, RowState.UNCHANGED, Counts(unchanged=1))
    change: dict[str, Value] = {"state": DocumentState.READY.value, "updated": stamp(engine.now())}
    change |= {"pages": seen.pages, "chunks": seen.chunks, "type": seen.media_type, "size": document.size_bytes}
    change |= {"sha256": document.sha256, "fingerprint": document.fingerprint}
    if document.stop is not None:  # parts of another content were read before
        left = DeadRun(0, stamp(engine.now()))
        document = replace(document, dead={**document.dead, document.run: left})
        change[f"dead.{document.run}"] = dead_value(left)
    later = due_after_grace(engine, document.key) if document.dead else {}
    settle(
        engine,
        known,
        outcome,
        Update(
            document.record_key,
            set={**change, **later},
            remove=("stop",) if later else ("stop", "due_pk", "due_at"),
            when=(Is("state", document.state.value),),
        ),
    )


def _go_on(engine: Engine, document: Document, stop: Stop) -> None:
    """The one write that records where this part stopped; then the next part is asked for."""
    recorded = engine.records.write(
        Update(
            document.record_key,
            set={
                "stop": stop_value(stop),
                "attempts": 0,
                "updated": stamp(engine.now()),
                "redrives": 0,
                **due(engine, document.key),
            },
            when=(
                Is("run", document.run),
                Is("state", DocumentState.EXTRACTING.value),
                _after_parts(document.parts),
            ),
        )
    )
    if isinstance(recorded, Refused):
        _ask_for_what_follows(engine, _still_ours(engine, document))
        return
    facts = {"job_id": document.job, "document_key": document.key, "part": stop.parts, "pages": stop.pages}
    log.info("part of the document cut", extra=facts)
    engine.queues.offer([extract_command(document.tenant, document_of(recorded))])


def _fix(engine: Engine, document: Document, cut: Cut) -> None:
    """The one write that fixes the chunk set; then the batches are asked for."""
    fixed = engine.records.write(
        Update(
            document.record_key,
            set={
                "state": DocumentState.INDEXING.value,
                "attempt": cut.attempt,
                "batches": cut.batches,
                "chunks": cut.chunks,
                "pages": cut.pages,
                "name": document.name,
                "type": cut.media_type,
                "size": document.size_bytes,
                "sha256": document.sha256,
                "fingerprint": document.fingerprint,
                "updated": stamp(engine.now()),
                "redrives": 0,
                **due(engine, document.key),
            },
            remove=("stop",),
            when=(Is("run", document.run), Is("state", DocumentState.EXTRACTING.value)),
        )
    )
    if isinstance(fixed, Refused):
        now = _still_ours(engine, document)
        if now.state is not DocumentState.INDEXING:
            raise Superseded("another worker or command was first")
    else:
        now = document_of(fixed)
        facts = {"job_id": now.job, "document_key": now.key, "pages": now.pages, "chunks": now.chunks}
        log.info("document cut", extra=facts)
    ask_for_embedding(engine, now)
    report(engine, now, DocumentState.EXTRACTING, 1.0)


def _still_ours(engine: Engine, document: Document) -> Document:
    """The document as of now, if its run still holds it. Raises Superseded."""
    record = engine.records.get(document.record_key)
    now = document_of(record) if record is not None else None
    if now is None or now.run != document.run:
        raise Superseded("another worker or command was first")
    return now


def ask_for_embedding(engine: Engine, document: Document) -> None:
    """Send a command for every batch that is not in the index yet."""
    engine.queues.offer(missing_batches(document))


def missing_batches(document: Document) -> list[EmbedChunks]:
    """A command for every batch of the run that is not in the index yet."""
    tenant, collection, key, run = document.tenant, document.collection, document.key, document.run
    return [
        EmbedChunks(tenant=tenant, collection=collection, key=key, run=run, lane=document.options.lane, batch=batch)
        for batch in range(document.batches)
        if batch not in document.done
    ]
