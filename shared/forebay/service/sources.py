"""Turn what a caller named as a document's source into a row that a job can hold."""

import hashlib
import json
from dataclasses import dataclass, replace

from forebay.domain import keys
from forebay.domain.document import DocumentId, DocumentKey, JobId, ObjectRef, RunId, TenantId
from forebay.domain.errors import DocumentError
from forebay.domain.job import Counts, Job, Row, metadata_text
from forebay.domain.records import Lacks, Refused, Update, text
from forebay.domain.requests import (
    BadSource,
    BytesSource,
    DocumentRequest,
    FileSource,
    ObjectSource,
    Source,
    SubmitJob,
    TextSource,
    UploadSource,
    UrlSource,
    source_from,
    source_members,
)
from forebay.domain.times import stamp
from forebay.domain.transitions import DocumentState, RowState
from forebay.domain.web_address import file_name, refused_url
from forebay.service.engine import Engine
from forebay.service.packing import unpacked_documents
from forebay.service.settle import Outcome, ended_row

_ROW_METADATA_BYTES = 2_048  # larger metadata, or a larger memo, goes to the object store
_OBJECT_KEY_BYTES_MOST = 1_024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_ASIDE = "@"  # begins what stands in the place of a memo that went there; no JSON does
_ASKED_MOST = 10_000  # characters of what a row keeps of a source that was not found
_MANIFEST = DocumentId("\0manifest")  # to which an upload is bound that is one; no document has this id
_NOWHERE = DocumentError("source_missing", "the source has a longer name than any object can have")


@dataclass(frozen=True, slots=True)
class Located:
    """Where a document's content is, and what the place says of it."""

    ref: ObjectRef
    name: str = ""
    media_type: str = ""
    origin: str = ""  # object key of content that is the run's own, and goes with it


def document_name(request: DocumentRequest) -> str:
    """The name the document goes by where the caller gave none."""
    if request.name:
        return request.name
    match request.source:
        case ObjectSource(_, path) | FileSource(path):
            return path.rpartition("/")[2][:255]
        case UrlSource(url):
            return file_name(url)
        case _:
            return ""


def document_id(request: DocumentRequest) -> DocumentId:
    """The caller's id; else the name; else what the content or the URL is."""
    source = request.source
    given = request.id or document_name(request)
    if given:
        return DocumentId(given)
    if isinstance(source, UploadSource):
        return DocumentId(source.upload_id)
    told = source.url.encode() if isinstance(source, UrlSource) else inline_content(source)
    return DocumentId(hashlib.sha256(told or repr(source).encode()).hexdigest())


def inline_content(source: Source) -> bytes | None:
    """The content that came with the request, None where it is elsewhere."""
    if isinstance(source, TextSource):
        return source.text.encode()
    return source.data if isinstance(source, BytesSource) else None


def declared_type(document: DocumentRequest) -> str:
    """The media type that the caller stands for, "" for none."""
    return document.media_type or ("text/plain" if isinstance(document.source, TextSource) else "")


def unlocated_row(request: SubmitJob, document: DocumentRequest, job: Job) -> Row:
    """The row of one document as the request alone tells it."""
    id_ = document_id(document)
    key = keys.document_key(request.tenant, request.collection, id_)
    return Row(
        job=job.id,
        shard=keys.job_shard(key, job.shards),
        key=key,
        document_id=id_,
        run=keys.run_for(job.id, job.epoch, key),
        state=RowState.OPEN,
        collection=request.collection,
        name=document_name(document),
        declared_type=declared_type(document),
        options=request.options,
        metadata=metadata_text(document.metadata),
        position=document.position,
        memo=document.memo,
        annotations=document.annotations,
    )


def row_for(engine: Engine, request: SubmitJob, document: DocumentRequest, job: Job) -> Row:
    """The row of one document: open with a located source, or failed with a code.

    Puts inline content into the object store under a name that only this content has, so doing it again, or for
    another body under the same idempotency key, harms nothing.
    """
    row = _memo_aside(engine, unlocated_row(request, document, job))
    try:
        return _with_source(engine, row, _placed(engine, request, document.source, row))
    except DocumentError as error:
        return _failed(engine, replace(row, asked=_asked(document.source, error)), error)


def _placed(engine: Engine, request: SubmitJob, source: Source, row: Row) -> Located:
    """Where the row's content is; inline content is put there. Raises DocumentError."""
    content = inline_content(source)
    if content is None:
        return _found(engine, request, source, row)
    name = f"{keys.source_object(row.run)}/{hashlib.sha256(content).hexdigest()[:32]}"
    return Located(engine.objects.put(name, content), origin=name)


def _found(engine: Engine, request: SubmitJob, source: Source, row: Row) -> Located:
    """Where the row's content is, or will be, and what has to be done there for the row. Raises DocumentError."""
    located = locate(engine, request, source)
    if isinstance(source, UploadSource) and not source.kept:
        _bind(engine, source, row.key)
    return _to_be_fetched(engine, source, row.run) if isinstance(source, UrlSource) else located


def _to_be_fetched(engine: Engine, source: UrlSource, run: RunId) -> Located:
    """Keep the URL where the content will stand beside it, under a name that only this URL has."""
    name = keys.fetched_object(run, hashlib.sha256(source.url.encode()).hexdigest())
    engine.objects.put(keys.url_object(name), source.url.encode())
    return Located(ObjectRef(engine.objects.data_bucket, name), origin=name)


def unaccepted_row(engine: Engine, request: SubmitJob, document: DocumentRequest, job: Job) -> Row:
    """The row of a document that ends before anyone looked for its source: with all that it takes to do that later."""
    if isinstance(document.source, TextSource | BytesSource | UrlSource):
        return row_for(engine, request, document, job)  # what it says is kept in the object store
    row = _memo_aside(engine, unlocated_row(request, document, job))
    return replace(row, asked=_asked(document.source, _NOWHERE))


def _asked(source: Source, error: DocumentError) -> str:
    """What a row keeps of a source that was not found; of one that never will be, why. URLs may hold secrets and stand
    in no record, and one that is refused is refused for good; what is longer than any object's name is nowhere."""
    asked = json.dumps(source_members(source))
    if isinstance(source, UrlSource) or len(asked) > _ASKED_MOST:
        asked = json.dumps(source_members(BadSource(error.code, error.message[:500])))
    return asked


def row_again(engine: Engine, row: Row, job: Job) -> Row:
    """A row that has ended, under the run by which its restarted job takes the document: open, or failed with a code.

    Content that is kept for the document stays where it is; what is elsewhere is looked for again.
    """
    again = Row(
        job=row.job, shard=row.shard, key=row.key, document_id=row.document_id,
        run=keys.run_for(job.id, job.epoch, row.key), state=RowState.OPEN, collection=row.collection,
        name=row.name, declared_type=row.declared_type, source=row.source, asked=row.asked, held=row.held,
        origin=row.origin, options=row.options, metadata=row.metadata, position=row.position, memo=row.memo,
        annotations="" if row.held else row.annotations,  # of a document that was there they may have changed since
        size_bytes=row.size_bytes,
    )  # fmt: skip
    if row.source is not None and row.source.bucket == engine.objects.data_bucket and not row.source.unseen:
        return again
    try:
        located = _located_again(engine, row, again, job)
    except DocumentError as error:
        return _failed(engine, again, error)
    return _with_source(engine, replace(again, metadata=row_metadata(engine, row), origin="", asked=""), located)


def _located_again(engine: Engine, row: Row, again: Row, job: Job) -> Located:
    if row.origin.startswith(keys.upload_object(job.tenant, "")):
        found = row.source or engine.objects.head(engine.objects.uploads_bucket, row.origin)
        if found is None:
            raise DocumentError("upload_missing", "no file has been put at the upload")
        return Located(checked_size(engine, found), origin=row.origin)
    source = _source_again(engine, row)
    if source is None:
        raise DocumentError("source_missing", "what the document came from is not known any more")
    return _placed(engine, SubmitJob(job.tenant, row.collection, ()), source, again)


def _source_again(engine: Engine, row: Row) -> Source | None:
    if row.source is None:
        return source_from(json.loads(row.asked)) if row.asked else None
    if not row.source.unseen:
        return ObjectSource(row.source.bucket, row.source.key)
    url = engine.objects.get(keys.url_object(row.source.key))
    return UrlSource(url.decode()) if url is not None else None


def bundle_documents(engine: Engine, job: JobId, bundle: int) -> list[DocumentRequest] | None:
    """The documents that one bundle of the job's manifest names; None when it has expired."""
    packed = engine.objects.get(keys.bundle_object(job, bundle))
    if packed is None:
        return None
    return list(unpacked_documents(packed))


def manifest_version(engine: Engine, request: SubmitJob, manifest: ObjectSource | UploadSource) -> ObjectRef:
    """The version of the object that is the job's manifest. An upload stays as long as uploads do.

    Raises DocumentError.
    """
    if isinstance(manifest, ObjectSource):
        found = _object(engine, request, manifest.bucket, manifest.key)
    else:
        found = _upload(engine, request, manifest).ref
        _bind(engine, manifest, keys.document_key(request.tenant, request.collection, _MANIFEST))
    most = engine.policy.limits.manifest_bytes
    if found.size_bytes > most:
        raise DocumentError("too_large", f"the manifest has {found.size_bytes} bytes; at most {most} are taken")
    return found


def _memo_aside(engine: Engine, row: Row) -> Row:
    if len(row.memo.encode()) <= _ROW_METADATA_BYTES:
        return row
    name = hashlib.sha256(row.memo.encode()).hexdigest()[:32]  # another body under the same key has another one
    engine.objects.put(keys.memo_object(row.job, name), row.memo.encode())
    return replace(row, memo=_ASIDE + name)


def _with_source(engine: Engine, row: Row, located: Located) -> Row:
    metadata, origin = row.metadata, located.origin
    if len(metadata.encode()) > _ROW_METADATA_BYTES:
        origin = origin or keys.source_object(row.run)
        engine.objects.put(f"{keys.source_object(row.run)}/metadata.json", metadata.encode())
        metadata = ""
    return replace(
        row,
        source=located.ref,
        name=row.name or located.name,
        declared_type=row.declared_type or located.media_type,
        size_bytes=located.ref.size_bytes,
        metadata=metadata,
        origin=origin,
    )


def refused_row(engine: Engine, row: Row) -> Row:
    """The row of a document that is there already and is not to be replaced."""
    return _failed(engine, row, DocumentError("document_exists", f"there is a document {row.document_id} already"))


def _failed(engine: Engine, row: Row, error: DocumentError) -> Row:
    outcome = Outcome(DocumentState.FAILED, RowState.FAILED, Counts(failed=1), error.code, error.message)
    return ended_row(engine, row, outcome)


def locate(engine: Engine, request: SubmitJob, source: Source) -> Located:
    """Find content that is elsewhere; nothing is written. Raises DocumentError."""
    bad = hopeless(engine, source)
    if bad is not None:
        raise DocumentError(bad.code, bad.message)
    match source:
        case UrlSource():
            return Located(ObjectRef(engine.objects.data_bucket, ""))  # nobody knows anything of it yet
        case ObjectSource(bucket, object_key):
            return Located(checked_size(engine, _object(engine, request, bucket, object_key)))
        case FileSource(path):
            return Located(_file(engine, request, path))
        case UploadSource():
            return _upload(engine, request, source)
        case _:
            raise TypeError(f"a {type(source).__name__} needs no locating")


def hopeless(engine: Engine, source: Source) -> BadSource | None:
    """Why the source can never give a document, as far as that is plain without looking; None when it may."""
    if isinstance(source, UrlSource):
        reason = refused_url(source.url, engine.policy.reach)
        return BadSource("url_forbidden", reason) if reason is not None else None
    return source if isinstance(source, BadSource) else None


def check_allowed(engine: Engine, tenant: TenantId, bucket: str, place: str) -> None:
    """Raises DocumentError source_forbidden where the tenant may not read objects at `place`, a key or prefix."""
    allowed = {f"{tenant}:{bucket}", f"*:{bucket}"} & engine.policy.allowed_buckets
    ours = bucket == engine.objects.uploads_bucket and place.startswith(keys.own_prefixes(tenant))
    if not ours and (not allowed or bucket in (engine.objects.uploads_bucket, engine.objects.data_bucket)):
        raise DocumentError("source_forbidden", f"bucket {bucket} is not allowed for this tenant")


def _object(engine: Engine, request: SubmitJob, bucket: str, object_key: str) -> ObjectRef:
    check_allowed(engine, request.tenant, bucket, object_key)
    possible = len(object_key.encode()) <= _OBJECT_KEY_BYTES_MOST
    found = engine.objects.head(bucket, object_key) if possible else None
    if found is None:
        raise DocumentError("source_missing", f"s3://{bucket}/{object_key} does not exist")
    return found


def _file(engine: Engine, request: SubmitJob, path: str) -> ObjectRef:
    for key in keys.file_objects(request.tenant, path):
        found = engine.objects.head(engine.objects.uploads_bucket, key)
        if found is not None:
            return checked_size(engine, found)
    looked = " nor at ".join(keys.file_objects(request.tenant, path))
    raise DocumentError("source_missing", f"there is no file at {looked} in the uploads bucket")


def _upload(engine: Engine, request: SubmitJob, source: UploadSource) -> Located:
    upload_id = source.upload_id
    record = engine.records.get(keys.upload(upload_id))
    if record is None or text(record, "tenant") != request.tenant:
        raise DocumentError("upload_missing", f"there is no upload {upload_id}")
    if text(record, "job"):
        raise DocumentError("upload_missing", f"upload {upload_id} starts its own job; make it with start: false")
    named = source.kept or bool(text(record, "key"))  # once named, it is not waiting any more
    if not named and text(record, "ends") <= stamp(engine.now()):
        raise DocumentError("upload_expired", f"upload {upload_id} had to be named by {text(record, 'ends')}")
    found = engine.objects.head(engine.objects.uploads_bucket, keys.upload_object(request.tenant, upload_id))
    if found is None:
        raise DocumentError("upload_missing", f"nothing has been put at upload {upload_id}")
    origin = "" if source.kept else found.key
    return Located(checked_size(engine, found), text(record, "name"), text(record, "declared"), origin)


def _bind(engine: Engine, source: UploadSource, key: DocumentKey) -> None:
    """An upload is one document's: it goes when that document goes. Binding it again to the same one is fine."""
    bound = engine.records.write(Update(keys.upload(source.upload_id), set={"key": key}, when=(Lacks("key"),)))
    if isinstance(bound, Refused):
        record = engine.records.get(keys.upload(source.upload_id))
        if record is None or text(record, "key") != key:
            raise DocumentError("upload_missing", f"upload {source.upload_id} was named for another document already")


def checked_size(engine: Engine, ref: ObjectRef) -> ObjectRef:
    """The object, unless it is larger than a document may be."""
    most = engine.policy.limits.file_bytes
    if ref.size_bytes > most:
        raise DocumentError("too_large", f"the file has {ref.size_bytes} bytes; at most {most} are taken")
    return ref


def row_metadata(engine: Engine, row: Row) -> str:
    """The row's metadata as JSON, from wherever it is kept."""
    if row.metadata:
        return row.metadata
    folder = keys.own_folder(row.origin) or keys.source_object(row.held or row.run)
    stored = engine.objects.get(f"{folder}/metadata.json")
    return stored.decode() if stored is not None else json.dumps({})


def memo_is_aside(row: Row) -> bool:
    """Does reading the row's memo cost a call of its own?"""
    return row.memo.startswith(_ASIDE)


def row_memo(engine: Engine, row: Row) -> str:
    """The row's memo as JSON, from wherever it is kept; empty where there is none, or where it has expired."""
    if not memo_is_aside(row):
        return row.memo
    stored = engine.objects.get(keys.memo_object(row.job, row.memo.removeprefix(_ASIDE)))
    return stored.decode() if stored is not None else ""
