"""Collections, and the catalog's remarks on them and on their documents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Final
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body, Path
from pydantic import JsonValue

from forebay.dialects.dialect import Call, Endpoint, Scope, call_of
from forebay.dialects.nvidia import words
from forebay.dialects.nvidia.bodies import (
    DEFAULT_COLLECTION,
    CollectionListResponse,
    CollectionsResponse,
    CreateCollectionRequest,
    CreateCollectionResponse,
    FailedCollection,
    Names,
    UpdateCollectionMetadataRequest,
    UpdateDocumentMetadataRequest,
    UpdateMetadataResponse,
    UploadedCollection,
)
from forebay.dialects.nvidia.results import Room, offset_time
from forebay.domain import keys
from forebay.domain.document import Collection
from forebay.domain.errors import CallerError
from forebay.domain.json_text import write_json
from forebay.domain.metadata_schema import MetadataField, with_system_fields
from forebay.domain.requests import Address, Window
from forebay.domain.stored_document import Document
from forebay.domain.transitions import WORKING
from forebay.service import collections as service
from forebay.service.annotate import annotate
from forebay.service.collections import (
    CollectionChange,
    CollectionView,
    change_collection,
    collection_properties,
    collection_views,
)
from forebay.service.references import documents_called
from forebay.service.remove_collection import remove_collection

TAG: Final = "Vector DB APIs"
_AT_ONCE: Final = 100
_CATALOG: Final[Mapping[str, JsonValue]] = {  # what is said of a collection, and what where nothing is
    "tags": [],
    "owner": "",
    "created_by": "",
    "business_domain": "",
    "status": "Active",
}

Kept = Mapping[str, JsonValue]
CollectionInPath = Annotated[str, Path(description="The collection's name.")]
DocumentInPath = Annotated[str, Path(description="The document's name.")]


# -- names and what is kept with them ----------------------------------------------------------------------------------


def collection_called(name: str) -> tuple[str, Collection]:
    """The name as the system keeps it, in lower case, and the collection that is meant."""
    lowered = name.lower()
    return lowered, keys.collection_called(lowered)


def kept_with(call: Call, collection: Collection) -> Kept | None:
    """What this dialect keeps with the collection; None where there is no such collection."""
    properties = collection_properties(call.engine, call.tenant, collection)
    return None if properties is None else _own(properties)


def _own(properties: Mapping[str, JsonValue]) -> Kept:
    own = properties.get(words.NAME)
    return own if isinstance(own, dict) else {}


def schema_of(kept: Kept) -> Sequence[MetadataField]:
    """The collection's metadata schema; empty where any metadata fits."""
    fields = kept.get("metadata_schema")
    own = [MetadataField.model_validate(field) for field in fields] if isinstance(fields, list) else []
    return with_system_fields(own) if own else ()


def documents_there(call: Call, collection: Collection, names: Sequence[str]) -> Mapping[str, Document]:
    """Those of the documents that are searchable, or may become it: one that only ever failed is not there."""
    known = documents_called(call.engine, call.tenant, collection, names)
    return {name: each for name, each in known.items() if each.visible is not None or each.state in WORKING}


def _properties(own: Kept) -> str:
    return write_json({words.NAME: own})


# -- collections -------------------------------------------------------------------------------------------------------


def create_collection(request: Request, body: Annotated[CreateCollectionRequest, Body()]) -> CreateCollectionResponse:
    """Make a collection.

    One that is there already stays as it is. Its metadata schema decides which metadata its documents may have, and
    must; without one, any.
    """
    name, _ = collection_called(body.collection_name)
    made = _create(call_of(request), body)
    message = f"Collection {name} created successfully." if made else f"Collection {name} already exists."
    return CreateCollectionResponse(message=message, collection_name=name)


def _create(call: Call, body: CreateCollectionRequest) -> bool:
    """Make the collection; False when it is there."""
    name, collection = collection_called(body.collection_name)
    schema: JsonValue = [field.model_dump(exclude_defaults=True) for field in body.metadata_schema]
    own: dict[str, JsonValue] = {"name": name, "metadata_schema": schema, **body.model_dump(include={*_CATALOG})}
    change = CollectionChange(body.description, properties=_properties(own))
    return service.create_collection(call.engine, call.tenant, collection, change)


def create_collections(
    request: Request, collection_names: Annotated[Names | None, Body()] = None
) -> CollectionsResponse:
    """Make several collections, without schemas. Deprecated in favour of `POST /v1/collection`."""
    names = _distinct(collection_names)
    if not names:
        return CollectionsResponse(message="No collections to create. Please provide a list of collection names.")
    failed = [FailedCollection(collection_name=name, error_message=_UNFIT) for name in names if not _fits(name)]
    good = [name for name in names if _fits(name)]
    for name in good:
        _create(call_of(request), CreateCollectionRequest(collection_name=name))
    return _outcome("Collection creation process completed.", good, failed)


_NAME_MOST: Final = 255
_UNFIT: Final = f"A collection's name has 1 to {_NAME_MOST} characters."


def _fits(name: str) -> bool:
    return 1 <= len(name) <= _NAME_MOST


def _distinct(names: Sequence[str] | None) -> list[str]:
    """The names as they are kept, each once; the default collection's where none are given."""
    return list(
        dict.fromkeys(collection_called(name)[0] for name in ([DEFAULT_COLLECTION] if names is None else names))
    )


def _outcome(message: str, good: list[str], failed: list[FailedCollection]) -> CollectionsResponse:
    return CollectionsResponse(
        message=message, successful=good, failed=failed, total_success=len(good), total_failed=len(failed)
    )


def delete_collections(
    request: Request, collection_names: Annotated[Names | None, Body()] = None
) -> CollectionsResponse:
    """Delete collections with all their documents.

    Without a body nothing is deleted: not to name anything is no way to delete something.
    """
    call = call_of(request)
    good, failed = [], []
    for name in _distinct(collection_names or []):
        _, collection = collection_called(name)
        if kept_with(call, collection) is None:
            failed.append(FailedCollection(collection_name=name, error_message=f"Collection {name} not found."))
        else:
            remove_collection(call.engine, call.tenant, collection, dialect=words.NAME)
            good.append(name)
    return _outcome("Collection deletion process completed.", good, failed)


def get_collections(request: Request) -> CollectionListResponse:
    """List all collections, with their schemas and their place in the catalog."""
    call = call_of(request)
    views = list(_every_collection(call))
    room = Room(call.engine.policy.limits.answer_bytes)
    shown = [_shown(view) for view in views]
    fitting = [each for each in shown if room.take(len(each.model_dump_json().encode()))]
    return CollectionListResponse(total_collections=len(views), collections=fitting)


def _every_collection(call: Call) -> Iterator[CollectionView]:
    cursor: str | None = None
    while True:
        views, cursor = collection_views(call.engine, call.tenant, Window(_AT_ONCE, cursor))
        yield from views
        if cursor is None:
            return


def _shown(view: CollectionView) -> UploadedCollection:
    own = _own(view.properties)
    fields = schema_of(own) or with_system_fields(())
    return UploadedCollection(
        collection_name=str(own.get("name", view.name)),
        num_entities=view.chunks,
        metadata_schema=[
            field.model_dump(exclude={"user_defined", "support_dynamic_filtering"})
            for field in fields
            if field.user_defined
        ],
        collection_info={
            "description": view.description,
            **{name: own.get(name, usual) for name, usual in _CATALOG.items()},
            "date_created": offset_time(view.created_at),
            "last_updated": offset_time(view.updated_at),
            "number_of_files": view.documents,
        },
    )


# -- remarks -----------------------------------------------------------------------------------------------------------


def update_collection_metadata(
    request: Request, collection_name: CollectionInPath, body: Annotated[UpdateCollectionMetadataRequest, Body()]
) -> UpdateMetadataResponse:
    """Change what the catalog says of a collection."""
    call = call_of(request)
    name, collection = collection_called(unquote(collection_name))
    if kept_with(call, collection) is None:
        raise CallerError("not_found", f"Error updating collection metadata. Error: Collection {name} does not exist")
    given = body.model_dump(exclude_none=True)
    if not given:
        return UpdateMetadataResponse(message="No fields to update.", collection_name=name)
    description = given.pop("description", None)
    change = CollectionChange(description, properties=_properties(given) if given else None)
    change_collection(call.engine, call.tenant, collection, change)
    return UpdateMetadataResponse(message=f"Collection {name} metadata updated successfully.", collection_name=name)


def update_document_metadata(
    request: Request,
    collection_name: CollectionInPath,
    document_name: DocumentInPath,
    body: Annotated[UpdateDocumentMetadataRequest, Body()],
) -> UpdateMetadataResponse:
    """Change the remarks on a document; it is not ingested again."""
    call = call_of(request)
    name, collection = collection_called(unquote(collection_name))
    document = unquote(document_name)
    failed = "Error updating document metadata. Error: "
    if kept_with(call, collection) is None:
        raise CallerError("not_found", f"{failed}Collection {name} does not exist")
    if not documents_there(call, collection, [document]):
        raise CallerError("not_found", f"{failed}Document '{document}' does not exist in collection '{name}'")
    given = body.model_dump(exclude_none=True)
    if not given:
        return UpdateMetadataResponse(message="No fields to update.", collection_name=name)
    annotate(call.engine, Address(call.tenant, collection, document), given)
    return UpdateMetadataResponse(message=f"Document {document} metadata updated successfully.", collection_name=name)


ENDPOINTS: Final = (
    Endpoint("POST", "/v1/collection", create_collection, TAG, Scope.WRITE),
    Endpoint("POST", "/v1/collections", create_collections, TAG, Scope.WRITE),
    Endpoint("GET", "/v1/collections", get_collections, TAG, Scope.READ),
    Endpoint("DELETE", "/v1/collections", delete_collections, TAG, Scope.DELETE),
    Endpoint(
        "PATCH", "/v1/collections/<collection_name>/metadata", update_collection_metadata, TAG, Scope.WRITE,
        errors=("not_found",),
    ),
    Endpoint(
        "PATCH", "/v1/collections/<collection_name>/documents/<document_name>/metadata", update_document_metadata,
        TAG, Scope.WRITE, errors=("not_found",),
    ),
)  # fmt: skip
