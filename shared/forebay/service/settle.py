"""End a document's run, exactly once: document, job row, shard counter and what fills up, in one transaction.

The transaction that ends a shard's last row also adds the shard's sums and number to the job, so that whoever
completes the set of shards can end the job without reading them all.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.document import JobId
from forebay.domain.errors import CATALOGUE, Superseded, TransientError
from forebay.domain.job import Counter, Counts, Row, counter_of
from forebay.domain.records import Above, Condition, Has, Is, IsOneOf, Key, Lacks, Update, Value, Write
from forebay.domain.stored_document import DeadRun, Document, Options, dead_value, document_of
from forebay.domain.times import stamp
from forebay.domain.transitions import OPEN_ROWS, WORKING, DocumentState, RowState, before
from forebay.service.due import due_after_grace
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.tell import offer_ends, told_later

log = logging.getLogger(__name__)

TRIES = 6  # of a write that others hinder
_ROW_KEPT = timedelta(days=37)  # rows outlive their job's 30 days after the end, never the other way round


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document's run in its job."""

    state: DocumentState
    row: RowState
    counts: Counts  # what this document adds to the job's sums
    error_code: str = ""
    error_message: str = ""


CANCELED = Outcome(
    DocumentState.CANCELED, RowState.CANCELED, Counts(canceled=1), "canceled", CATALOGUE["canceled"].title
)
OVERTAKEN = replace(
    CANCELED,
    error_code="superseded",
    error_message="A newer request was served before this one came to the document.",
)
POISON = Outcome(DocumentState.FAILED, RowState.FAILED, Counts(failed=1), "poison", CATALOGUE["poison"].title)


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """Rows of one shard of one job that end together."""

    job: JobId
    shard: int
    ended: int
    counts: Counts
    counter: Counter  # as read; a solo document's needs no reading
    started_at: str = ""
    when: tuple[Condition, ...] = ()  # what else must hold of the counter

    @property
    def fills(self) -> bool:
        """Are these the last open rows of the shard?"""
        return self.counter.left == self.ended


def solo_counter(job: JobId) -> Counter:
    """The counter of a job with one document, known without reading it."""
    return Counter(keys.counter(job, 0), 1, Counts())


def shard_writes(engine: Engine, end: ShardEnd) -> list[Update]:
    """Count the ended rows; when they fill the shard, tell the job."""
    key = keys.counter(end.job, end.shard)
    still_so = Is("left", end.ended) if end.fills else Above("left", end.ended)
    started: dict[str, Value] = {"started": end.started_at} if end.started_at else {}
    writes = [
        Update(
            key,
            set={"ttl": expiry(engine)},
            default=started,
            add={**_changed(end.counts), "left": -end.ended},
            when=(still_so, *end.when),
        )
    ]
    if end.fills:
        total = end.counter.counts + end.counts
        first = {"started": end.counter.started_at} if end.counter.started_at else started
        writes.append(
            Update(keys.job(end.job), default=first, add={**_changed(total), "filled": frozenset({end.shard})})
        )
    return writes


def _changed(counts: Counts) -> dict[str, int | frozenset[int]]:
    return {name: amount for name, amount in counts.as_mapping().items() if amount}


def expiry(engine: Engine) -> int:
    """When a row or counter that ends now may go (seconds since the epoch)."""
    return int((engine.now() + _ROW_KEPT).timestamp())


def row_end(engine: Engine, key: Key, options: Options, outcome: Outcome, known: dict[str, Value]) -> Update:
    """The row turns final, once; where that is to be told, it waits for it."""
    told: dict[str, Value] = {"error": outcome.error_code, "message": outcome.error_message[:500]}
    return Update(
        key,
        set={
            "state": outcome.row.value,
            "finished": stamp(engine.now()),
            "ttl": expiry(engine),
            **known,
            **(told if outcome.error_code else {}),
            **(told_later(engine, key) if options.announced else {}),
        },
        when=(IsOneOf("state", tuple(OPEN_ROWS)),),
    )


def tell_ended(engine: Engine, documents: Sequence[Document]) -> None:
    """Tell the ends of these documents' rows, before the job's own, where someone wants to know."""
    for job in {document.job for document in documents}:
        told = [each.row_key for each in documents if each.job == job and each.options.announced]
        offer_ends(engine, job, told)


def ended_row(engine: Engine, row: Row, outcome: Outcome) -> Row:
    """The row as it ends before it begins."""
    return replace(
        row,
        state=outcome.row,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        finished_at=stamp(engine.now()),
    )


def known_of(document: Document) -> dict[str, Value]:
    """What the row keeps of a document whose run ends."""
    known: dict[str, Value] = {
        "type": document.media_type,
        "size": document.size_bytes,
        "pages": document.pages,
        "chunks": document.chunks,
        "attempts": document.attempts,
        "sha256": document.sha256,
        "started": document.started_at,
    }
    return {name: value for name, value in known.items() if value}


def settle(engine: Engine, document: Document, outcome: Outcome, change: Update, also: Sequence[Write] = ()) -> None:
    """End the run of `document` as read: `change` is its own update, fenced here; `also` are writes that go with it.

    What would become visible for a job that was canceled is canceled instead: the cancel mark on the shard's counter
    is a condition of the write, which costs no reading. Raises Superseded when the fence has moved on or the run has
    ended already, TransientError when the shard stays contended.
    """
    fenced = Update(
        change.key, change.set, change.default, change.add, change.remove,
        when=(Is("run", document.run), IsOneOf("state", before(outcome.state)), *change.when),
    )  # fmt: skip
    for _ in range(TRIES):
        end = _shard_end(engine, document, outcome)
        if end.when and end.counter.canceling:
            cancel_runs(engine, [document])
            return
        row = row_end(engine, document.row_key, document.options, outcome, known_of(document))
        refused = engine.records.transact([fenced, row, *shard_writes(engine, end), *also])
        if refused is None:
            log.info("document ended", extra=_facts(document, outcome))
            tell_ended(engine, [document])
            if end.fills:
                finish(engine, document.job)
            return
        if refused.failed[0] <= 1:
            raise Superseded("the document's run has ended or was taken over")
        document = replace(document, solo=False)  # the counter is not what it should be: it has to be read
    raise TransientError("the job's counter stays contended")


def _shard_end(engine: Engine, document: Document, outcome: Outcome) -> ShardEnd:
    counter = solo_counter(document.job) if document.solo else read_counter(engine, document.job, document.shard)
    shows = outcome.state is DocumentState.READY
    return ShardEnd(
        document.job, document.shard, 1, outcome.counts, counter, document.started_at,
        when=(Lacks("canceling"),) if shows else (),
    )  # fmt: skip


def read_counter(engine: Engine, job: JobId, shard: int) -> Counter:
    """The shard's counter as it stands. Raises Superseded when the job has expired."""
    record = engine.records.get(keys.counter(job, shard))
    if record is None:
        raise Superseded("the job has expired")
    return counter_of(record)


def cancel_runs(engine: Engine, documents: Sequence[Document]) -> None:
    """End the runs of these documents, up to 40 of one shard, as canceled; the content is kept for a restart.

    Those that have ended or were taken over meanwhile are passed over. Raises TransientError when they stay contended.
    """
    for _ in range(TRIES):
        if not documents:
            return
        job, shard = documents[0].job, documents[0].shard
        started = min((document.started_at for document in documents if document.started_at), default="")
        counts = Counts(canceled=len(documents))
        counter = read_counter(engine, job, shard)
        # Without the mark the job is another time's: it was restarted since, and these runs are not meant.
        end = ShardEnd(job, shard, len(documents), counts, counter, started, when=(Has("canceling"),))
        writes = [write for document in documents for write in _cancellation(engine, document)]
        if engine.records.transact([*writes, *shard_writes(engine, end)]) is None:
            for document in documents:
                log.info("document ended", extra=_facts(document, CANCELED))
            tell_ended(engine, documents)
            if end.fills:
                finish(engine, job)
            return
        documents = _still_working(engine, documents)
    raise TransientError("the documents stay contended")


def _cancellation(engine: Engine, document: Document) -> list[Update]:
    change = Update(
        document.record_key,
        set=without_result(engine, document, CANCELED),
        when=(Is("run", document.run), Is("state", document.state.value)),
    )
    return [change, row_end(engine, document.row_key, document.options, CANCELED, known_of(document))]


def _still_working(engine: Engine, documents: Sequence[Document]) -> Sequence[Document]:
    """The documents as they are now that the same runs still work on."""
    runs = {document.run for document in documents}
    found = engine.records.get_many([document.record_key for document in documents])
    now = [document_of(record) for record in found.values()]
    return [document for document in now if document.run in runs and document.state in WORKING]


def without_result(engine: Engine, document: Document, outcome: Outcome) -> dict[str, Value]:
    """What a document's record gets when its run ends with nothing to show. The content stays for a retry; chunks and
    batches of the run go after the grace period."""
    now = stamp(engine.now())
    return {
        "state": outcome.state.value,
        "error": outcome.error_code,
        "message": outcome.error_message[:500],
        "updated": now,
        f"dead.{document.run}": dead_value(DeadRun(document.chunks, now)),
        **due_after_grace(engine, document.key),
    }


def _facts(document: Document, outcome: Outcome) -> dict[str, object]:
    return {
        "job_id": document.job,
        "document_key": document.key,
        "state": outcome.state.value,
        "outcome": outcome.row.value,
        "code": outcome.error_code or None,
        "attempts": document.attempts,
        "chunks": document.chunks,
    }
