"""Does each part of the system that a function uses answer? For `GET /health?check=dependencies`."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from forebay.dialects.dialect import Dependency, Function
from forebay.domain import keys
from forebay.domain.document import Collection, RunId, TenantId
from forebay.domain.errors import DocumentError, TransientError
from forebay.service.engine import Engine

_NOBODY: Final = keys.collection(TenantId("-"), Collection("health"))


def _records(engine: Engine) -> bool:
    engine.records.get(_NOBODY)
    return True


def _objects(engine: Engine) -> bool:
    engine.objects.get(keys.source_object(RunId("health")))
    return True


def _queues(engine: Engine) -> bool:
    engine.queues.backlog("extract")
    return True


def _index(engine: Engine) -> bool:
    return engine.index.ready()


_PARTS: Final[Mapping[Function, Mapping[str, Callable[[Engine], bool]]]] = {
    Function.API: {"records": _records, "objects": _objects, "queues": _queues},
    Function.SEARCH: {"records": _records, "index": _index},
}


def dependencies(engine: Engine, function: Function) -> Mapping[str, Dependency]:
    """Each part by name: does it answer? An answer that refuses is an answer."""
    return {name: _asked(ask, engine) for name, ask in _PARTS[function].items()}


def _asked(ask: Callable[[Engine], bool], engine: Engine) -> Dependency:
    began = time.monotonic()
    answers = _answers(ask, engine)
    return Dependency(answers, round((time.monotonic() - began) * 1_000, 2))


def _answers(ask: Callable[[Engine], bool], engine: Engine) -> bool:
    try:
        return ask(engine)
    except DocumentError:
        return True
    except TransientError:
        return False
