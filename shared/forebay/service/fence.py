"""The fence check with which all work on a run begins."""

from forebay.domain import keys
from forebay.domain.commands import RunCommand
from forebay.domain.errors import Superseded
from forebay.domain.stored_document import Document, document_of
from forebay.service.engine import Engine


def held_document(engine: Engine, work: RunCommand) -> Document:
    """The document as of now, if it is still held by the run that `work` is for. Raises Superseded."""
    record = engine.records.get(keys.document(work.tenant, work.collection, work.key))
    document = document_of(record) if record is not None else None
    if document is None or document.run != work.run:
        raise Superseded("the run does not hold the document any more")
    return document
