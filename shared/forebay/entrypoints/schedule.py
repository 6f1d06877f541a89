"""A schedule's tick in, a use case out. A failure is Lambda's to report; the next tick tries again."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from forebay.service.engine import Engine
from forebay.service.sweep import Swept


def schedule_handler(
    build: Callable[[], Engine], work: Callable[[Engine], Swept]
) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
    """A handler that does `work` and answers with what it counted."""

    def handle(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        return asdict(work(build()))

    return handle
