"""Where everything is kept: record keys and object keys, built from typed ids only.

T#<tenant>#C#<collection>#<h>   D#<key>          a document           h = 16 write shards by hash of the key
T#<tenant>#C#<collection>#<h>   COUNT            visible documents and chunks of this shard
T#<tenant>                      COL#<name>       a collection
T#<tenant>                      GONE#<name>      when the collection was deleted for the last time (expires)
T#<tenant>#S#<collection>       <data source>    a data source of a collection
T#<tenant>#L#<list>             <time>#<job>     a job in a dialect's list
JOB#<job>                       META             a job
JOB#<job>#<shard>               COUNT            exact counts of the shard's rows
JOB#<job>#<shard>               R#<key>          a job's row: one document in one job
JOB#<job>                       E#<time>#<hash>  an event of the job, to be told (expires)
UPLOAD#<id>                     UPLOAD           a presigned upload
KEY#<id>                        KEY              an API key
RATE#<tenant>                   <minute>         requests of a tenant in that minute (expires)
RATE#<tenant>                   documents#<hour>  documents that the tenant asked to ingest in that hour (expires)

sources/<run>/<hash>    inline content, under the run that brought it  (data bucket; expires)
sources/<run>/<hash>/url, content   a URL, and what was fetched from it  (data bucket; expires)
requests/<job>.json/<hash>  a request too large for one transaction  (data bucket; expires)
requests/<job>.json/bundles/<bundle>   what a manifest names, until it is expanded  (data bucket; expires)
requests/<job>.json/survey/<etag>  how far a manifest is read  (data bucket; expires)
requests/<job>.memos/<hash>  a large memo of a row    (data bucket; expires)
runs/<run>/<attempt>/<batch>.json   pages and chunks      (data bucket)
runs/<run>/<attempt>/carry-<pages>.json   what one part of a long document leaves to the next  (data bucket)
uploads/<tenant>/<upload>           presigned uploads     (uploads bucket; expires)
inbox/<tenant>/<collection>/<path>  files put by hand, ingested as they come  (uploads bucket)
files/<tenant>/<path>               files put by hand, ingested when a request names them  (uploads bucket)
"""

import base64
import hashlib
import re
from typing import Final

from forebay.domain.document import Collection, DocumentId, DocumentKey, JobId, RunId, TenantId
from forebay.domain.records import Key
from forebay.domain.times import instant

DOCUMENT_SHARDS: Final = 16  # per collection
DUE_SHARDS: Final = 8
ROWS_PER_SHARD: Final = 200  # of a job
JOB_SHARDS_MOST: Final = 64
EVENTS: Final = "E#"  # what the sort keys of a job's events begin with
_JOB: Final = "job_"
_CONTENT: Final = "/content"
_COLLECTION: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()  # a query may hold any text


def _name(prefix: str, *parts: str) -> str:
    return prefix + base64.b32encode(_digest(*parts)[:16]).decode().rstrip("=").lower()


def document_key(tenant: TenantId, collection: Collection, document_id: DocumentId) -> DocumentKey:
    """The document's own key: the same for the same tenant, collection and id, safe in paths."""
    return DocumentKey(_name("doc_", tenant, collection, document_id))


def collection_called(name: str) -> Collection:
    """The collection for a name of any form: the name itself where it fits, else one made of its hash."""
    return Collection(name if _COLLECTION.fullmatch(name) else _name("x-", name))


def job_id_for(tenant: TenantId, *idempotency: str) -> JobId:
    """The job that this idempotency key always means."""
    return JobId(_name(_JOB, tenant, *idempotency))


def run_for(job: JobId, epoch: str, key: DocumentKey) -> RunId:
    """The run by which the job made or restarted at `epoch` takes `key`: the same however often the job's work is
    repeated, another one after a restart, or when the job's id comes back after the job has expired."""
    return RunId(_name("run_", job, epoch, key))


def event_id(job: JobId, time: str, *what: str) -> str:
    """The id under which what happened to the job at this time is always told, and its record is found."""
    happened = f"{round(instant(time).timestamp() * 1_000):011x}"
    return "_".join(("evt", job.removeprefix(_JOB), happened, _name("", job, *what)[:16]))


def document_shard(key: DocumentKey) -> int:
    """Which of the collection's shards holds the document."""
    return _digest(key)[0] % DOCUMENT_SHARDS


def job_shards(total: int) -> int:
    """How many shards a job of `total` documents has."""
    return 1 if total <= ROWS_PER_SHARD else min(JOB_SHARDS_MOST, -(-total // ROWS_PER_SHARD))


def job_shard(key: DocumentKey, shards: int) -> int:
    """Which of the job's shards holds the document's row."""
    return job_shard_marked(mark(key), shards)


def mark(key: DocumentKey) -> bytes:
    """Twelve bytes that tell a document from a million others, and its shard in a job of any size."""
    return _digest(key)[1:13]


def job_shard_marked(marked: bytes, shards: int) -> int:
    """Which of the job's shards holds the row of the document with this mark."""
    return int.from_bytes(marked[:4]) % shards


def due_shard(name: str) -> str:
    """The partition of the due index for the record of this name."""
    return f"DUE#{_digest(name)[5] % DUE_SHARDS}"


def telling_shard(name: str) -> str:
    """The partition of the due index for what of this name is to be told: looked at after everything else, however
    much of it there is."""
    return f"DUE#E{_digest(name)[5] % DUE_SHARDS}"


def documents(tenant: TenantId, collection: Collection, shard: int) -> str:
    """The partition of a collection's shard."""
    return f"T#{tenant}#C#{collection}#{shard}"


def document(tenant: TenantId, collection: Collection, key: DocumentKey) -> Key:
    """A document's record."""
    return Key(documents(tenant, collection, document_shard(key)), f"D#{key}")


def collection_count(tenant: TenantId, collection: Collection, shard: int) -> Key:
    """What is visible in one shard of a collection."""
    return Key(documents(tenant, collection, shard), "COUNT")


def collections(tenant: TenantId) -> str:
    """The partition of a tenant's collections."""
    return f"T#{tenant}"


def collection(tenant: TenantId, name: Collection) -> Key:
    """A collection's record."""
    return Key(collections(tenant), f"COL#{name}")


def collection_end(tenant: TenantId, name: Collection) -> Key:
    """The record of when the collection of this name was deleted for the last time."""
    return Key(collections(tenant), f"GONE#{name}")


def data_sources(tenant: TenantId, collection: Collection) -> str:
    """The partition of a collection's data sources."""
    return f"T#{tenant}#S#{collection}"


def data_source(tenant: TenantId, collection: Collection, id_: str) -> Key:
    """A data source's record."""
    return Key(data_sources(tenant, collection), id_)


def listed_jobs(tenant: TenantId, list_name: str) -> str:
    """The partition of a dialect's list of jobs."""
    return f"T#{tenant}#L#{list_name}"


def listed_job(tenant: TenantId, list_name: str, created_at: str, job_id: JobId) -> Key:
    """A job's place in a dialect's list: oldest first."""
    return Key(listed_jobs(tenant, list_name), f"{created_at}#{job_id}")


def job(job_id: JobId) -> Key:
    """A job's record."""
    return Key(f"JOB#{job_id}", "META")


def job_rows(job_id: JobId, shard: int) -> str:
    """The partition of a job's shard."""
    return f"JOB#{job_id}#{shard}"


def counter(job_id: JobId, shard: int) -> Key:
    """The counts of a job's shard."""
    return Key(job_rows(job_id, shard), "COUNT")


def row(job_id: JobId, shard: int, key: DocumentKey) -> Key:
    """A document's row in a job."""
    return Key(job_rows(job_id, shard), f"R#{key}")


def event(id_: str) -> Key:
    """An event's record; that of no event for an id that is none. A job's stand in the order of their times."""
    _, job, happened, what = f"___{id_}".rsplit("_", 3)
    return Key(f"JOB#{_JOB}{job}", f"{EVENTS}{happened}#{what}")


def events(tenant: TenantId) -> str:
    """The partition of a tenant's events in the index of jobs."""
    return f"T#{tenant}#EVENTS"


def upload(id_: str) -> Key:
    """A presigned upload's record."""
    return Key(f"UPLOAD#{id_}", "UPLOAD")


def api_key(id_: str) -> Key:
    """An API key's record."""
    return Key(f"KEY#{id_}", "KEY")


def request_count(tenant: TenantId, window: int) -> Key:
    """How many requests the tenant made in one window of time."""
    return Key(f"RATE#{tenant}", str(window))


def document_count(tenant: TenantId, window: int) -> Key:
    """How many documents the tenant asked to ingest in one window of time."""
    return Key(f"RATE#{tenant}", f"documents#{window}")


def source_object(run: RunId) -> str:
    """Object key prefix of a run's own content."""
    return f"sources/{run}"


def fetched_object(run: RunId, url_sha256: str) -> str:
    """Object key of what is fetched from a URL for a run."""
    return f"{source_object(run)}/{url_sha256[:32]}{_CONTENT}"


def is_fetched(key: str) -> bool:
    """Is this the object key of what is fetched from a URL?"""
    return key.endswith(_CONTENT)


def url_object(fetched: str) -> str:
    """Object key of the URL from which `fetched` comes."""
    return f"{fetched.removesuffix(_CONTENT)}/url"


def own_folder(origin: str) -> str:
    """Object key prefix of the content that `origin` names, where it is inline content; else empty."""
    return "/".join(origin.split("/")[:2]) if origin.startswith("sources/") else ""


def request_object(job_id: JobId) -> str:
    """Object key prefix of what is kept while a request is expanded; the request's own hash follows."""
    return f"requests/{job_id}.json"


def bundle_object(job_id: JobId, bundle: int) -> str:
    """Object key of one bundle of what the job's manifest names."""
    return f"{request_object(job_id)}/bundles/{bundle:06d}"


def survey_object(job_id: JobId, etag: str) -> str:
    """Object key of how far the job's manifest has been read."""
    return f"{request_object(job_id)}/survey/{etag}"


def memo_object(job_id: JobId, memo_sha256: str) -> str:
    """Object key of a large memo of one of the job's rows."""
    return f"requests/{job_id}.memos/{memo_sha256}"


def run_objects(run: RunId) -> str:
    """Object key prefix of everything that a run wrote."""
    return f"runs/{run}/"


def batch_object(run: RunId, attempt: str, batch: int) -> str:
    """Object key of one batch of pages and chunks."""
    return f"{run_objects(run)}{attempt}/{batch:06d}.json"


def carry_object(run: RunId, attempt: str, pages: int) -> str:
    """Object key of what is carried over after so many pages: the same pages leave the same, whoever reads them."""
    return f"{run_objects(run)}{attempt}/carry-{pages:06d}.json"


def own_prefixes(tenant: TenantId) -> tuple[str, ...]:
    """Object key prefixes of the uploads bucket under which everything is the tenant's."""
    return (f"inbox/{tenant}/", f"uploads/{tenant}/", files_prefix(tenant))


def files_prefix(tenant: TenantId) -> str:
    """Object key prefix of the files that wait to be named in a request."""
    return f"files/{tenant}/"


def file_objects(tenant: TenantId, path: str) -> tuple[str, ...]:
    """Object keys that a path can mean, the first that exists: the path itself where it is a key of the tenant's,
    else a file that waits to be named, else one of the inbox."""
    if path.startswith(own_prefixes(tenant)):
        return (path,)
    return (files_prefix(tenant) + path, f"inbox/{tenant}/{path}")


def upload_object(tenant: TenantId, upload_id: str) -> str:
    """Object key of a presigned upload."""
    return f"uploads/{tenant}/{upload_id}"
