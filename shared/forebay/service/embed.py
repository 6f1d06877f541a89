"""EmbedChunks: embed one batch, write it to the index (invisible), and count it into the document's set."""

import json
import logging
from collections.abc import Sequence

from forebay.domain import keys
from forebay.domain.batches import Batch, unpacked_batch
from forebay.domain.commands import EmbedChunks
from forebay.domain.document import IndexedChunk
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.records import Is, Refused, Update
from forebay.domain.stored_document import Document, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState
from forebay.service.due import due
from forebay.service.engine import Engine
from forebay.service.fence import held_document
from forebay.service.finish import finish
from forebay.service.progress import report
from forebay.service.publish import publish_document

log = logging.getLogger(__name__)


def embed(engine: Engine, command: EmbedChunks) -> None:
    """Do the command; any number of times. Raises DocumentError, Superseded, TransientError."""
    document = held_document(engine, command)
    if document.state is not DocumentState.INDEXING:
        finish(engine, document.job)
        return
    if command.batch not in document.done:
        _index(engine, document, command.batch)
        document = _counted(engine, document, command.batch)
        report(engine, document, DocumentState.INDEXING, len(document.done) / document.batches)
    if len(document.done) >= document.batches:
        publish_document(engine, document, tries=0)


def _index(engine: Engine, document: Document, number: int) -> None:
    content = engine.objects.get(keys.batch_object(document.run, document.attempt, number))
    if content is None:
        raise TransientError(f"batch {number} of the run is not in the object store")
    batch = unpacked_batch(content)
    if not batch.chunks:  # of a document without words
        return
    vectors = engine.embedder.embed([chunk.text for chunk in batch.chunks])
    engine.index.put(_indexed(document, batch, vectors))


def _indexed(document: Document, batch: Batch, vectors: list[Sequence[float]]) -> list[IndexedChunk]:
    metadata = json.loads(batch.metadata)
    return [
        IndexedChunk(
            tenant=document.tenant,
            collection=document.collection,
            key=document.key,
            document_id=document.id,
            name=document.name,
            run=document.run,
            chunk=chunk,
            metadata=metadata,
            vector=vector,
        )
        for chunk, vector in zip(batch.chunks, vectors, strict=True)
    ]


def _counted(engine: Engine, document: Document, number: int) -> Document:
    """The batch joins the set of those that are in the index: idempotent, fenced, and telling who is last."""
    counted = engine.records.write(
        Update(
            document.record_key,
            set={"updated": stamp(engine.now()), "redrives": 0, **due(engine, document.key)},
            add={"done": frozenset({number})},
            when=(Is("run", document.run), Is("state", DocumentState.INDEXING.value)),
        )
    )
    if isinstance(counted, Refused):
        raise Superseded("the document ended or was taken over meanwhile")
    return document_of(counted)
