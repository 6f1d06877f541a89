"""When the sweeper should look at something again: the attributes of the sparse due index."""

from datetime import timedelta

from forebay.domain import keys
from forebay.domain.records import Value
from forebay.domain.times import stamp
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
