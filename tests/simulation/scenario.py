"""What a scenario is, and the texts that they are about."""

from collections.abc import Callable
from dataclasses import dataclass

from forebay.adapters.memory_fetcher import Answer
from tests.simulation.users import words
from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Scenario:
    """`play` acts on a world; `expect` says what is wrong with what came of it."""

    name: str
    play: Callable[[World], None]
    expect: Callable[[World], list[str]]
    big: bool = False  # too many calls to fail at each of them every time
    alike: bool = False  # to another, so that fewer of its calls are failed
    late_index: bool = False
    tries: int = 3
    repeats: bool = True  # may its messages come twice and out of order?


ONE = words("one", 2)
TWO = words("two", 3)
LONG = words("long", 150)
PAGE = Answer(ONE.encode(), media_type="text/plain")
