"""Find a document by what a caller calls it: its id, or its key."""

from forebay.domain import keys
from forebay.domain.document import DocumentId, DocumentKey
from forebay.domain.requests import Address
from forebay.domain.stored_document import Document, document_of
from forebay.service.engine import Engine


def find_document(engine: Engine, address: Address) -> Document | None:
    """The document with this id; else the one with this key; None when there is neither."""
    tenant, collection = address.tenant, address.collection
    by_id = keys.document_key(tenant, collection, DocumentId(address.reference))
    candidates = [keys.document(tenant, collection, by_id)]
    if address.reference.startswith("doc_"):
        candidates.append(keys.document(tenant, collection, DocumentKey(address.reference)))
    found = engine.records.get_many(candidates)
    return next((document_of(found[key]) for key in candidates if key in found), None)
