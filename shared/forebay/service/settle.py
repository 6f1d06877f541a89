"""End a document's run, exactly once: document, job row, shard counter and what fills up, in one transaction.

The transaction that ends a shard's last row also adds the shard's sums and number to the job, so that whoever
completes the set of shards can end the job without reading them all.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.document import JobId
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.job import Counter, Counts, counter_of
from forebay.domain.records import Above, Is, IsOneOf, Key, Update, Value, Write
from forebay.domain.stored_document import Document
from forebay.domain.times import stamp
from forebay.domain.transitions import OPEN_ROWS, DocumentState, RowState, before
from forebay.service.engine import Engine
from forebay.service.finish import finish

log = logging.getLogger(__name__)

_TRIES = 6
_ROW_KEPT = timedelta(days=37)  # rows outlive their job's 30 days after the end, never the other way round


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a document's run in its job."""

    state: DocumentState
    row: RowState
    counts: Counts  # what this document adds to the job's sums
    error_code: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class ShardEnd:
    """Rows of one shard of one job that end together."""

    job: JobId
    shard: int
    ended: int
    counts: Counts
    counter: Counter  # as read; a solo document's needs no reading
    started_at: str

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
            when=(still_so,),
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


def row_end(engine: Engine, key: Key, outcome: Outcome, known: dict[str, Value]) -> Update:
    """The row turns final, once."""
    told: dict[str, Value] = {"error": outcome.error_code, "message": outcome.error_message[:500]}
    return Update(
        key,
        set={
            "state": outcome.row.value,
            "finished": stamp(engine.now()),
            "ttl": expiry(engine),
            **known,
            **(told if outcome.error_code else {}),
        },
        when=(IsOneOf("state", tuple(OPEN_ROWS)),),
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

    Raises Superseded when the fence has moved on or the run has ended already, TransientError when the shard stays
    contended.
    """
    fenced = Update(
        change.key, change.set, change.default, change.add, change.remove,
        when=(Is("run", document.run), IsOneOf("state", before(outcome.state)), *change.when),
    )  # fmt: skip
    for _ in range(_TRIES):
        end = _shard_end(engine, document, outcome.counts)
        row = row_end(engine, document.row_key, outcome, known_of(document))
        refused = engine.records.transact([fenced, row, *shard_writes(engine, end), *also])
        if refused is None:
            log.info("document ended", extra=_facts(document, outcome))
            if end.fills:
                finish(engine, document.job)
            return
        if refused.failed[0] <= 1:
            raise Superseded("the document's run has ended or was taken over")
    raise TransientError("the job's counter stays contended")


def _shard_end(engine: Engine, document: Document, counts: Counts) -> ShardEnd:
    counter = solo_counter(document.job)
    if not document.solo:
        record = engine.records.get(keys.counter(document.job, document.shard))
        if record is None:
            raise Superseded("the job has expired")
        counter = counter_of(record)
    return ShardEnd(document.job, document.shard, 1, counts, counter, document.started_at)


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
