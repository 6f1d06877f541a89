"""Compares what a stack at rest holds with what its clients were promised: each difference is one line."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from local.soak.clients import COLLECTION, TERMINAL
from local.soak.ledger import Indexed, Passage, Record, jobs_of, rows_of
from local.soak.plan import Content
from local.soak.told import Event, unrecorded, untold

Passages = frozenset[Passage]

ENDED: Final = {"ready", "unchanged", "failed", "canceled"}
AT_REST: Final = {"ready", "failed", "canceled", "deleted"}


@dataclass(frozen=True, slots=True)
class Held:
    """What the stack holds."""

    records: Sequence[Record]
    indexed: Sequence[Indexed]
    data: Sequence[str]  # keys of the data bucket
    uploads: Sequence[str]  # keys of the uploads bucket
    messages: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Promised:
    """What it has to hold."""

    fates: Mapping[str, Content | None]  # document -> what readers see of it
    jobs: Mapping[str, str]  # job -> status in which a client saw it end
    clean: Mapping[str, Passages]  # content by name -> its chunks by a run that nobody disturbed
    buried: int  # messages that nobody can read were sent
    heard: Sequence[Event]  # by webhooks, in order
    unrecorded_most: int  # objects that requests whose worker was killed had put, and not yet recorded; they expire


def differences(held: Held, promised: Promised) -> list[str]:
    """Everything that is not as it has to be."""
    checks = (
        _documents(held, promised),
        _chunks(held, promised),
        _jobs(held, promised),
        _leftovers(held, promised),
        _messages(held, promised),
        unrecorded(held.records),
        untold(held.records, promised.heard),
    )
    return [line for check in checks for line in check]


def documents_of(records: Iterable[Record]) -> list[Record]:
    """The records of documents of the soak's collection."""
    return [r for r in records if str(r["sk"]).startswith("D#") and f"#C#{COLLECTION}#" in str(r["pk"])]


def still_due(records: Iterable[Record]) -> list[str]:
    """Records that the sweeper has yet to look at."""
    return [f"{record['pk']} {record['sk']}" for record in records if record.get("due_at")]


def _documents(held: Held, promised: Promised) -> Iterator[str]:
    found = {record["id"]: record for record in documents_of(held.records)}
    for document in found.keys() - promised.fates.keys():
        yield f"document {document} is recorded, and nobody asked for it"
    for document in promised.fates.keys() - found.keys():
        if promised.fates[document] is not None:  # a file can be gone before anybody has seen it
            yield f"document {document} is missing"
    for document, record in found.items():
        if record["state"] not in AT_REST:
            yield f"document {document} is left {record['state']}"
        if record.get("dead"):
            yield f"document {document} still has dead runs"
        wanted = promised.fates.get(document)
        if bool(record.get("visible")) != (wanted is not None) or (wanted is not None and record["state"] != "ready"):
            yield f"document {document} is {record['state']}, and should be {'ready' if wanted else 'gone'}"


def _chunks(held: Held, promised: Promised) -> Iterator[str]:
    by_run: dict[str, list[Indexed]] = defaultdict(list)
    for entry in held.indexed:
        by_run[entry.run].append(entry)
    for document in documents_of(held.records):
        content = promised.fates.get(document["id"])
        if content is None or not document.get("visible"):
            continue
        run = document["visible"]["run"]
        entries = by_run.pop(run, [])
        clean = promised.clean[content.name]
        if {entry.id for entry in entries} != {f"{run}:{passage.number}" for passage in clean}:
            yield f"document {document['id']} has {len(entries)} chunks in the index, a clean run has {len(clean)}"
        elif frozenset(entry.passage for entry in entries) != clean:
            yield f"document {document['id']} has other chunks than a clean run"
    for run, entries in by_run.items():
        if entries[0].collection == COLLECTION:
            yield f"{len(entries)} chunks of the dead run {run} of {entries[0].document} are in the index"


def _jobs(held: Held, promised: Promised) -> Iterator[str]:
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for job, row in rows_of(held.records):
        rows[job][row["state"]] += 1
    jobs = jobs_of(held.records)
    for job, status in promised.jobs.items():
        if job not in jobs or jobs[job]["state"] != status:
            yield f"job {job} ended {status} and is {jobs[job]['state'] if job in jobs else 'missing'}"
    for job, record in jobs.items():
        counted = {name: int(record.get(name, 0)) for name in ENDED if record.get(name)}
        if record["state"] not in TERMINAL:
            yield f"job {job} is left {record['state']}"
        elif counted != dict(rows[job]) or sum(counted.values()) != record["total"]:
            yield f"job {job} of {record['total']} counts {counted}, its rows are {dict(rows[job])}"


def _leftovers(held: Held, promised: Promised) -> Iterator[str]:
    documents = [record for record in held.records if str(record["sk"]).startswith("D#")]
    visible = [document["visible"] for document in documents if document.get("visible")]
    runs = {str(version["run"]) for version in visible}
    # What failed or was canceled keeps its content for a restart, until it expires.
    origins = {str(owner.get("origin", "")) for owner in [*visible, *documents]}
    recorded = {str(row["run"]) for _, row in rows_of(held.records)}
    unrecorded: list[str] = []
    for key in held.data:
        folder, _, rest = key.partition("/")
        run = rest.partition("/")[0]
        if folder == "sources" and run not in recorded:
            unrecorded.append(key)
        elif (
            folder == "requests"
            or (folder == "runs" and run not in runs)
            or (folder == "sources" and key not in origins)
        ):
            yield f"object {key} is left over"
    if len(unrecorded) > promised.unrecorded_most:
        yield f"{len(unrecorded)} objects belong to runs that were never recorded: {unrecorded[0]}..."
    sources = {str(document.get("source", {}).get("key", "")) for document in documents}
    for key in held.uploads:
        if key not in sources:
            yield f"object {key} of the uploads bucket is left over"


def _messages(held: Held, promised: Promised) -> Iterator[str]:
    for queue, count in held.messages.items():
        yield f"{count} messages are left in {queue}"
    buried = sum(key.startswith("buried/") for key in held.data)
    if buried != promised.buried:
        yield f"{buried} messages are buried, {promised.buried} were poison"
