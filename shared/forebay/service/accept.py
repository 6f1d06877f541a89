"""Accept the rows of a job in the background: take their documents, some at a time, or end them without.

For jobs that are too large for one transaction: whoever accepts may die, or another may accept the same at the same
time; each row is accepted or ended once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from forebay.domain import keys
from forebay.domain.commands import CancelJob
from forebay.domain.document import DocumentKey
from forebay.domain.errors import Superseded, TransientError
from forebay.domain.job import Counts, Job, Row, job_of
from forebay.domain.records import Has, Is, Put, Refused, Update, Write
from forebay.domain.transitions import JobState, RowState
from forebay.service.engine import Engine
from forebay.service.finish import finish
from forebay.service.first_command import first_command
from forebay.service.settle import OVERTAKEN, TRIES, ShardEnd, ended_row, read_counter, shard_writes
from forebay.service.sources import refused_row
from forebay.service.take_over import (
    Occupied,
    Overtaken,
    TakeOver,
    TooManyWrites,
    as_before,
    failed_row_record,
    take_over,
)
from forebay.service.tell import offer_ends

SLICE = 20  # documents a transaction; each may interrupt another job's row and counter
_ENDS_MOST = 40  # rows a transaction that ends them
_NONE: Mapping[DocumentKey, Row] = {}
_COUNTS = {RowState.FAILED: Counts(failed=1), RowState.CANCELED: Counts(canceled=1)}


def accept_rows(engine: Engine, taking: TakeOver) -> None:
    """Take the documents of these rows and ask for work on them; rows whose documents are not to be had end.

    Rows that another call has accepted are passed over. Raises Superseded, TransientError.
    """
    rows = taking.rows
    if not rows:
        return
    hindrance = take_over(engine, taking)
    if isinstance(hindrance, Refused) and hindrance.failed[0] < len(taking.first):
        raise Superseded("the job has moved on")
    if isinstance(hindrance, Overtaken | Occupied):
        ended = _overtaken if isinstance(hindrance, Overtaken) else refused_row
        lost = [ended(engine, row) for row in rows if row.key in hindrance.keys]
        end_rows(engine, taking.job, lost, taking.former)
        accept_rows(engine, replace(taking, rows=[row for row in rows if row.key not in hindrance.keys]))
    elif isinstance(hindrance, TooManyWrites) or (isinstance(hindrance, Refused) and len(rows) > 1):
        for row in rows:  # too many, or another call took some of them: one by one
            accept_rows(engine, replace(taking, rows=[row]))
    elif hindrance is None:
        engine.queues.offer([first_command(taking.job.tenant, row) for row in rows])


def _overtaken(engine: Engine, row: Row) -> Row:
    return ended_row(engine, row, OVERTAKEN)


def end_rows(engine: Engine, job: Job, rows: Sequence[Row], former: Mapping[DocumentKey, Row] = _NONE) -> None:
    """Record rows that end, as they stand, before they have got their documents; each is counted once.

    `former` are those that are there, as they were read. Rows that someone else has recorded meanwhile are passed
    over. Raises Superseded, TransientError.
    """
    for shard in sorted({row.shard for row in rows}):
        mine = [row for row in rows if row.shard == shard]
        for start in range(0, len(mine), _ENDS_MOST):
            _end_slice(engine, job, mine[start : start + _ENDS_MOST], former)


def _end_slice(engine: Engine, job: Job, rows: Sequence[Row], former: Mapping[DocumentKey, Row]) -> None:
    counts = sum((_COUNTS[row.state] for row in rows), start=Counts())
    ended: list[Write] = [
        Put(row.record_key, failed_row_record(engine, row), when=as_before(former.get(row.key))) for row in rows
    ]
    same_epoch = (Is("epoch", job.epoch),) if job.redo is not None else ()
    for _ in range(TRIES):
        counter = read_counter(engine, job.id, rows[0].shard)
        end = ShardEnd(job.id, rows[0].shard, len(rows), counts, counter, when=same_epoch)
        refused = engine.records.transact([*ended, *shard_writes(engine, end)])
        if refused is None:
            offer_ends(engine, job.id, [row.record_key for row in rows if row.options.announced])
            return
        if refused.failed[0] < len(rows):
            for row in rows if len(rows) > 1 else ():  # another call ended some of them: one by one
                _end_slice(engine, job, [row], former)
            return
        if job.redo is not None and counter.epoch != job.epoch:
            raise Superseded("the job has moved on")
    raise TransientError("the job's counter stays contended")


def accepted(engine: Engine, job: Job) -> None:
    """Every document has its row: from now on the job may end; if it was canceled meanwhile, its rows are next."""
    last = Update(job.record_key, remove=("expanding", "redo"), when=(Has("expanding"), job.same_epoch))
    now = engine.records.write(last)
    if not isinstance(now, Refused) and job_of(now).state is JobState.CANCELING:
        engine.queues.offer([CancelJob(tenant=job.tenant, job=job.id)])
    finish(engine, job.id)
    if job.redo is None:  # last, because a manifest's bundles are many; what is left of them expires
        engine.objects.delete_prefix(f"{keys.request_object(job.id)}/")
