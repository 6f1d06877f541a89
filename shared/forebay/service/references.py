"""Find a document by what a caller calls it: its id, or its key."""

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, TenantId
from forebay.domain.stored_document import Document, document_of
from forebay.service.engine import Engine


def find_document(engine: Engine, tenant: TenantId, collection: Collection, reference: str) -> Document | None:
    """The document with this id; else the one with this key; None when there is neither."""
    by_id = keys.document_key(tenant, collection, DocumentId(reference))
    candidates = [keys.document(tenant, collection, by_id)]
    if reference.startswith("doc_"):
        candidates.append(keys.document(tenant, collection, DocumentKey(reference)))
    found = engine.records.get_many(candidates)
    return next((document_of(found[key]) for key in candidates if key in found), None)
