"""Read a job's manifest: its lines become bundles of our own, and the job gets its total and its counters.

What is expanded or ended later comes from the bundles, so that the manifest is read once and may go then. It is read
some bytes at a time; when the invocation's time is over, how far it is read is kept, and another goes on there.
"""

import json
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from forebay.domain import keys
from forebay.domain.document import DocumentId, ObjectRef
from forebay.domain.entry import read_entry
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.domain.job import Job, job_of
from forebay.domain.records import Has, Is, Lacks, Put, Update, Value, Write
from forebay.domain.requests import BadSource, DocumentRequest
from forebay.domain.transitions import JobState
from forebay.service.engine import Engine
from forebay.service.finish import end
from forebay.service.packing import packed_documents
from forebay.service.remove import MARGIN_SECONDS
from forebay.service.settle import TRIES
from forebay.service.sources import document_id
from forebay.service.throttle import count_documents

_PIECE_BYTES: Final = 4_000_000  # of the manifest, read at once
_BUNDLE_BYTES: Final = 4_000_000  # of lines kept together
_MARK_BYTES: Final = 12
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_FOREIGN: Final = {b"\x1f\x8b": "it is compressed by gzip", b"PK\x03\x04": "it is a zip archive",
                   b"\xff\xfe": "it is UTF-16", b"\xfe\xff": "it is UTF-16"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a manifest; its content is None where it is too long."""

    number: int  # from 1, blank ones counted
    end: int  # offset of the byte after it
    content: bytes | None


@dataclass(slots=True)
class Survey:
    """How far the manifest is read; always at the end of a bundle."""

    offset: int = 0
    line: int = 0
    bundles: int = 0
    marks: set[bytes] = field(default_factory=set)  # of the documents so far

    def pack(self) -> bytes:
        """As it is kept between two invocations."""
        head = json.dumps([self.offset, self.line, self.bundles]).encode()
        return head + b"\n" + b"".join(self.marks)

    @classmethod
    def unpack(cls, kept: bytes | None) -> "Survey":
        """What `pack` made; from the beginning where nothing is kept."""
        if kept is None:
            return cls()
        head, _, marks = kept.partition(b"\n")
        offset, line, bundles = json.loads(head)
        return cls(offset, line, bundles, {marks[at : at + _MARK_BYTES] for at in range(0, len(marks), _MARK_BYTES)})


def read_manifest(engine: Engine, job: Job, ref: ObjectRef) -> Job | None:
    """The job with its total; None when there is more to read, in another invocation, or when the job has failed.

    Idempotent: the same bundles and the same total, however often and by whomever it is read. Raises Superseded,
    TransientError.
    """
    kept = keys.survey_object(job.id, ref.etag or "none")
    survey = Survey.unpack(engine.objects.get(kept))
    try:
        for bundle in _bundles(engine, ref, survey):
            engine.objects.put(
                keys.bundle_object(job.id, survey.bundles), packed_documents(_named(engine, job, survey, bundle))
            )
            survey.offset, survey.line = bundle[-1].end, bundle[-1].number
            survey.bundles += 1
            if engine.remaining_seconds() < MARGIN_SECONDS and survey.offset < ref.size_bytes:
                engine.objects.put(kept, survey.pack())
                return None
        if not survey.marks:
            raise DocumentError("manifest_unreadable", "it has no lines")
    except DocumentError as error:
        end_unread(engine, job, error.code, f"{error.kind.title[:-1]}: {error.message}.")
        raise Superseded("the manifest is not to be had") from error
    return _surveyed(engine, job, survey)


def end_unread(engine: Engine, job: Job, code: str, message: str) -> None:
    """End the job as a whole, whose manifest nobody can read: as canceled where somebody had canceled it."""
    state = JobState.CANCELED if job.state is JobState.CANCELING else JobState.FAILED
    if end(engine, job, state, code, message):
        engine.objects.delete_prefix(f"{keys.request_object(job.id)}/")


def _bundles(engine: Engine, ref: ObjectRef, survey: Survey) -> Iterator[list[Line]]:
    """The lines in groups that are kept together; where they are cut depends on the manifest alone."""
    bundle: list[Line] = []
    size = 0
    for line in _lines(engine, ref, survey.offset, survey.line):
        bundle.append(line)
        size += len(line.content or b"")
        if len(bundle) >= engine.policy.limits.manifest_bundle or size >= _BUNDLE_BYTES:
            yield bundle
            bundle, size = [], 0
    if bundle:
        yield bundle


def _lines(engine: Engine, ref: ObjectRef, offset: int, number: int) -> Iterator[Line]:
    """The lines from `offset` on that are not blank."""
    most = engine.policy.limits.manifest_line_bytes
    rest, long, at = b"", False, offset  # `rest` begins a line that is not whole yet; `at` is where reading goes on
    while at < ref.size_bytes:
        piece = _piece(engine, ref, at)
        start, at = at - len(rest), at + len(piece)
        *whole, rest = (rest + piece).split(b"\n")
        if at >= ref.size_bytes and rest:
            whole.append(rest)
        for content in whole:
            number, start = number + 1, min(start + len(content) + 1, ref.size_bytes)
            fits = not long and len(content) <= most
            long = False
            if not fits or content.strip():
                yield Line(number, start, content if fits else None)
        if len(rest) > most:
            rest, long = b"", True


def _piece(engine: Engine, ref: ObjectRef, at: int) -> bytes:
    piece = engine.objects.read(ref, at, _PIECE_BYTES)
    if not piece:
        raise DocumentError("manifest_changed", f"s3://{ref.bucket}/{ref.key} is not what it was")
    if at > 0:
        return piece
    for begins, what in _FOREIGN.items():
        if piece.startswith(begins):
            raise DocumentError("manifest_unreadable", what)
    return b" " * len(_UTF8_BOM) + piece[len(_UTF8_BOM) :] if piece.startswith(_UTF8_BOM) else piece


def _named(engine: Engine, job: Job, survey: Survey, bundle: list[Line]) -> list[DocumentRequest]:
    named = []
    for line in bundle:
        entry = _entry(engine, line)
        if not isinstance(entry, BadSource) and _mark(job, entry) in survey.marks:
            entry = BadSource("duplicate_id", f"the same id as an earlier line: {document_id(entry)}")
        document = _bad(line, entry) if isinstance(entry, BadSource) else entry
        while _mark(job, document) in survey.marks:  # an earlier document is called like this bad line
            document = replace(document, id=f"{document.id}'")
        survey.marks.add(_mark(job, document))
        named.append(document)
    if len(survey.marks) > engine.policy.limits.manifest_documents:
        raise DocumentError(
            "manifest_unreadable", f"it has more than {engine.policy.limits.manifest_documents} lines; divide it"
        )
    return named


def _entry(engine: Engine, line: Line) -> DocumentRequest | BadSource:
    if line.content is None:
        most = engine.policy.limits.manifest_line_bytes
        return BadSource("invalid_line", f"longer than {most} bytes; put the content into an object")
    return read_entry(line.content.strip(), line.number)


def _bad(line: Line, why: BadSource) -> DocumentRequest:
    source = BadSource(why.code, f"line {line.number}: {why.message}"[:500])
    return DocumentRequest(f"manifest line {line.number}", "", "", source, position=line.number)


def _mark(job: Job, document: DocumentRequest) -> bytes:
    return keys.mark(keys.document_key(job.tenant, job.collection, DocumentId(document_id(document))))


def _surveyed(engine: Engine, job: Job, survey: Survey) -> Job:
    """Total and counters, at once; when the job was canceled meanwhile, the counters have the cancel mark."""
    for _ in range(TRIES):
        total = len(survey.marks)
        shards = keys.job_shards(total)
        in_shard = Tally(keys.job_shard_marked(mark, shards) for mark in survey.marks)
        filled = frozenset(range(shards)) - set(in_shard)
        canceling: dict[str, Value] = {"canceling": True} if job.state is JobState.CANCELING else {}
        change: dict[str, Value] = {"total": total, "shards": shards, "bundles": survey.bundles, "bundle": 0}
        writes: list[Write] = [
            Update(
                job.record_key,
                set={**change, **({"filled": filled} if filled else {})},
                when=(Has("expanding"), Lacks("bundles"), Is("state", job.state.value)),
            )
        ]
        writes += [Put(keys.counter(job.id, shard), {"left": n, **canceling}) for shard, n in in_shard.items()]
        if engine.records.transact(writes) is None:  # else another was first, or it was canceled: the record says so
            count_documents(engine, job.tenant, total - 1)  # one was counted with the request
        record = engine.records.get(job.record_key)
        job = job_of(record) if record is not None else replace(job, state=JobState.FAILED)
        if job.ended:
            raise Superseded("the job is over")
        if job.bundles:
            return job
    raise TransientError("the job stays contended")
