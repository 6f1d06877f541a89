"""A schedule's tick in, a use case out. A failure of one record does not stop the others."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from forebay.domain.errors import Superseded, TransientError
from forebay.service.engine import Engine
from forebay.service.sweep import Guard, Swept

log = logging.getLogger(__name__)


def schedule_handler(
    build: Callable[[], Engine], work: Callable[[Engine, Guard], Swept]
) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
    """A handler that does `work` and answers with what it counted."""

    def handle(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        return asdict(work(build(), _guard))

    return handle


def _guard(look: Callable[[], None]) -> None:
    """One record: what goes wrong with it is logged, and it is due again at another tick."""
    try:
        look()
    except Superseded as moved:
        log.info("superseded", extra={"cause": moved.message})
    except TransientError as unwell:
        log.warning("will be looked at again", extra={"cause": unwell.message})
    except Exception:
        log.exception("a due record cannot be dealt with")
