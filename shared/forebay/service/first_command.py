"""The commands with which work on a document begins: on an accepted run, and on what dead runs left; for whoever
brings that about, and for sweep to repeat it."""

from forebay.domain.commands import ExtractDocument, FetchDocument, PurgeDocument
from forebay.domain.document import TenantId
from forebay.domain.job import Row
from forebay.domain.stored_document import Document


def first_command(tenant: TenantId, accepted: Row | Document) -> FetchDocument | ExtractDocument:
    """What is to be done first for the run of this row, or of this document while it is queued."""
    source = accepted.source
    if source is None or not source.unseen:
        return extract_command(tenant, accepted)
    return FetchDocument(
        tenant=tenant,
        collection=accepted.collection,
        key=accepted.key,
        run=accepted.run,
        lane=accepted.options.lane,
        source=source.key,
    )


def extract_command(tenant: TenantId, accepted: Row | Document) -> ExtractDocument:
    """What is to be done once the content is there, and after each part of it."""
    return ExtractDocument(
        tenant=tenant,
        collection=accepted.collection,
        key=accepted.key,
        run=accepted.run,
        lane=accepted.options.lane,
        part=accepted.parts if isinstance(accepted, Document) else 0,
    )


def purge_command(document: Document, tries: int = 0) -> PurgeDocument:
    """The command that removes what dead runs left."""
    return PurgeDocument(tenant=document.tenant, collection=document.collection, key=document.key, tries=tries)
