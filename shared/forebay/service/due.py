"""When the sweeper should look at something again: the attributes of the sparse due index."""

from collections.abc import Mapping
from datetime import timedelta

from forebay.domain import keys
from forebay.domain.document import RunId
from forebay.domain.records import Value
from forebay.domain.stored_document import DeadRun
from forebay.domain.times import instant, stamp
from forebay.service.engine import Engine

_DOUBLINGS_MOST = 6


def due(engine: Engine, name: str, *, redrives: int = 0) -> dict[str, Value]:
    """Due when work in hand should long be done; twice as late after each redrive."""
    wait = engine.policy.times.redrive * 2 ** min(redrives, _DOUBLINGS_MOST)
    return due_in(engine, name, wait)


def due_after_grace(engine: Engine, name: str) -> dict[str, Value]:
    """Due when nobody who holds a dead run can be alive."""
    return due_in(engine, name, engine.policy.times.grace)


def due_in(engine: Engine, name: str, seconds: int) -> dict[str, Value]:
    """Due in so many seconds; `name` spreads the records over the index's shards."""
    return {"due_pk": keys.due_shard(name), "due_at": stamp(engine.now() + timedelta(seconds=seconds))}


def telling_due_in(engine: Engine, name: str, seconds: int) -> dict[str, Value]:
    """Due to be told in so many seconds."""
    return due_in(engine, name, seconds) | {"due_pk": keys.telling_shard(name)}


def past_grace(engine: Engine, dead: Mapping[RunId, DeadRun]) -> Mapping[RunId, DeadRun]:
    """Those of the dead runs that nobody alive can hold any more."""
    grace = timedelta(seconds=engine.policy.times.grace)
    return {run: left for run, left in dead.items() if instant(left.since) + grace <= engine.now()}
