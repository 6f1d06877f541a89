"""The fence check with which all work on a run begins, and whether the run still waits for that work."""

from forebay.domain import keys
from forebay.domain.commands import EmbedChunks, ExtractDocument, FetchDocument, PublishDocument, RunCommand
from forebay.domain.errors import Superseded
from forebay.domain.stored_document import Document, document_of
from forebay.domain.transitions import DocumentState, before
from forebay.service.engine import Engine


def held_document(engine: Engine, work: RunCommand) -> Document:
    """The document as of now, if it is still held by the run that `work` is for. Raises Superseded."""
    record = engine.records.get(keys.document(work.tenant, work.collection, work.key))
    document = document_of(record) if record is not None else None
    if document is None or document.run != work.run:
        raise Superseded("the run does not hold the document any more")
    return document


def still_waits(document: Document, work: RunCommand) -> bool:
    """Has nobody else done this work on the document's run? Another delivery of the command may have."""
    match work:
        case FetchDocument():
            return document.state is DocumentState.QUEUED
        case ExtractDocument():
            return document.state in before(DocumentState.EXTRACTING) and work.part == document.parts
        case EmbedChunks():
            return document.state is DocumentState.INDEXING and work.batch not in document.done
        case PublishDocument():
            return document.state is DocumentState.INDEXING and len(document.done) >= document.batches
