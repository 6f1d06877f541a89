"""What a caller asks for, whatever the dialect: the arguments of `submit`, `request_upload` and `search`."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from pydantic import JsonValue

from forebay.domain.document import Collection, Metadata, MetadataFilter, TenantId
from forebay.domain.job import JobKind
from forebay.domain.records import Write
from forebay.domain.stored_document import Options


@dataclass(frozen=True, slots=True)
class TextSource:
    """The document is this text."""

    text: str


@dataclass(frozen=True, slots=True)
class BytesSource:
    """The document is these bytes."""

    data: bytes


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """The document is the current version of this object."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class UploadSource:
    """The document is what was put at this upload (made with `start: false`)."""

    upload_id: str
    kept: bool = False  # it stays whatever becomes of the document, and others may name it, too; else it goes with it


@dataclass(frozen=True, slots=True)
class FileSource:
    """The document is the file of this path among the tenant's own in the uploads bucket: see `keys.file_objects`."""

    path: str


@dataclass(frozen=True, slots=True)
class UrlSource:
    """The document is what stands at this URL, which may carry secrets: it is kept in no record and no log."""

    url: str


@dataclass(frozen=True, slots=True)
class BadSource:
    """The document can never be valid; it ends failed with this code."""

    code: str
    message: str


Source = TextSource | BytesSource | ObjectSource | UploadSource | FileSource | UrlSource | BadSource
_KINDS: Mapping[str, Callable[..., Source]] = {
    kind.__name__: kind for kind in (TextSource, ObjectSource, UploadSource, FileSource, UrlSource, BadSource)
}


def source_members(source: Source) -> Mapping[str, JsonValue]:
    """The source as members of a JSON object."""
    if isinstance(source, BytesSource):
        return {"kind": "BytesSource", "data": b64encode(source.data).decode()}
    return {"kind": type(source).__name__, **asdict(source)}


def source_from(members: Mapping[str, JsonValue]) -> Source:
    """The source that `source_members` wrote."""
    kind, rest = str(members["kind"]), {name: value for name, value in members.items() if name != "kind"}
    if kind == "BytesSource":
        return BytesSource(b64decode(str(rest["data"])))
    return _KINDS[kind](**rest)


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One document of a request."""

    id: str | None
    name: str
    media_type: str
    source: Source
    metadata: Metadata = field(default_factory=dict)
    position: int = 0  # within the request
    memo: str = ""  # JSON; kept with the row for the dialect that asked
    annotations: str = ""  # JSON; kept with the document


class Hopeless(StrEnum):
    """What becomes of a request in which no document can be valid."""

    REFUSED = "refused"
    FAILED = "failed"  # it is a job that ends at once


class OnExisting(StrEnum):
    """What becomes of a document whose id is taken."""

    REPLACE = "replace"  # once the new version is complete
    REFUSE = "refuse"  # it ends failed, `document_exists`


@dataclass(frozen=True, slots=True)
class SubmitJob:
    """A request to ingest documents."""

    tenant: TenantId
    collection: Collection
    documents: tuple[DocumentRequest, ...]  # none where a manifest names them
    options: Options = field(default_factory=Options)
    callbacks: str = "[]"  # JSON
    properties: str = "{}"  # JSON
    idempotency_key: str | None = None
    request_sha256: str = ""
    dialect: str = "native"
    memo: str = ""  # JSON; kept with the job for the dialect that asked
    listed_in: str = ""  # the dialect's list that the job stands in, if any
    on_existing: OnExisting = OnExisting.REPLACE
    hopeless: Hopeless = Hopeless.REFUSED
    kind: JobKind = JobKind.INGEST
    unreadable: BadSource | None = None  # why its documents could not even be looked for: there are none, and it fails
    also: tuple[Write, ...] = ()  # written with the job, in the same transaction
    manifest: ObjectSource | UploadSource | None = None


@dataclass(frozen=True, slots=True)
class RemoveDocuments:
    """A request to delete documents by their ids; those that are not there are deleted already."""

    tenant: TenantId
    collection: Collection
    ids: tuple[str, ...]
    repeatable: bool = False  # what it names is kept, so that its job can be restarted
    callbacks: str = "[]"  # JSON
    properties: str = "{}"  # JSON
    idempotency_key: str | None = None
    request_sha256: str = ""
    dialect: str = "native"
    memo: str = ""
    listed_in: str = ""


@dataclass(frozen=True, slots=True)
class RequestUpload:
    """A request for a presigned form."""

    tenant: TenantId
    collection: Collection
    name: str
    size_bytes: int
    media_type: str = ""
    start: bool = True  # its arrival starts a job; else it waits to be named in one
    memo: str = ""  # JSON; kept with the upload for the dialect that asked
    document_id: str | None = None
    metadata: Metadata = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    callbacks: str = "[]"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A question to a collection."""

    tenant: TenantId
    collection: Collection
    query: str
    limit: int = 10
    mode: str = "hybrid"  # hybrid | vector | text
    filters: tuple[MetadataFilter, ...] = ()
    document_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is wanted: at most `limit` entries from the cursor on (None: from the beginning)."""

    limit: int
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A document as a caller calls it: `reference` is its id or its key."""

    tenant: TenantId
    collection: Collection
    reference: str


@dataclass(frozen=True, slots=True)
class DocumentFilter:
    """Which documents a list shows: those whose id starts with `prefix`, or the one with this id."""

    prefix: str = ""
    id: str | None = None
