"""Find a document by what a caller calls it: its id, or its key."""

from collections.abc import Mapping, Sequence

from forebay.domain import keys
from forebay.domain.document import Collection, DocumentId, DocumentKey, TenantId
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


def documents_called(
    engine: Engine, tenant: TenantId, collection: Collection, ids: Sequence[str]
) -> Mapping[str, Document]:
    """Those of the documents with these ids that are there, in the order of the ids."""
    document_keys = {id_: keys.document_key(tenant, collection, DocumentId(id_)) for id_ in ids}
    places = {id_: keys.document(tenant, collection, key) for id_, key in document_keys.items()}
    found = engine.records.get_many(list(places.values())) if places else {}
    documents = {id_: document_of(found[place]) for id_, place in places.items() if place in found}
    return {id_: document for id_, document in documents.items() if not document.gone}
