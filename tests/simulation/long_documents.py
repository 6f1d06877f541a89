"""Documents that are read in several parts: three pages of eight an invocation (`PART_PAGES` of the world)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from forebay.adapters.memory_fetcher import Answer
from forebay.domain.transitions import DocumentState, JobState
from tests.simulation.interleaving import Act, Pair, delivery, take
from tests.simulation.scenario import ONE, TWO, Scenario
from tests.simulation.users import (
    cancel,
    canceled,
    delete,
    document,
    ended,
    is_gone,
    job,
    restart,
    send,
    send_url,
    server_answers,
    shows,
    words,
)
from tests.simulation.world import TIMES, Message, World

BOOK = "\f".join(words(f"page{number}-", 22) for number in range(8))
OTHER_BOOK = "\f".join(words(f"leaf{number}-", 20) for number in range(7))
TOO_LONG = "\f".join(words(f"page{number}-") for number in range(40))  # 14 parts; 12 are read


def _book(world: World) -> None:
    send(world, "first", ("a", BOOK))


def _book_ok(world: World) -> list[str]:
    return shows(world, "a", BOOK) + ended(job(world, "first"), JobState.SUCCEEDED)


def _then(deliveries: int, act: Callable[[World], None]) -> Callable[[World], None]:
    """After so many messages (the first two are a part each) something else happens."""

    def play(world: World) -> None:
        _book(world)
        world.deliver_some(deliveries)
        act(world)

    return play


def _replace(world: World) -> None:
    send(world, "second", ("a", TWO))


def _replaced(world: World) -> list[str]:
    return shows(world, "a", TWO) + ended(job(world, "second"), JobState.SUCCEEDED)


def _cancel(world: World) -> None:
    cancel(world, "first")


def _canceled(world: World) -> list[str]:
    return canceled(world, "a") + ended(job(world, "first"), JobState.CANCELED)


def _cancel_and_restart(world: World) -> None:
    cancel(world, "first")
    restart(world, "first")


def _lost(world: World) -> None:
    """The message for the next part is lost, once."""
    _book(world)
    world.lose_sends = True
    world.deliver_some(1)
    world.lose_sends = False


def _too_long(world: World) -> None:
    send(world, "first", ("a", TOO_LONG), ("b", ONE))


def _too_long_ok(world: World) -> list[str]:
    found = failed_with_hint(world)
    return found + shows(world, "b", ONE) + ended(job(world, "first"), JobState.PARTIALLY_SUCCEEDED)


def failed_with_hint(world: World) -> list[str]:
    """Document `a` failed because it is too large, and says how far it was read."""
    found = document(world, "a")
    if found is None or (found.state, found.error_code) != (DocumentState.FAILED, "too_large"):
        return [f"a is {found.state if found else 'not there'}: {found.error_code if found else ''}"]
    return [] if "36 pages were read in 12 parts" in found.error_message else [found.error_message]


def _fetched_anew(world: World) -> None:
    """What stands at the URL is fetched again, and is another book, before the last part of the first is read."""
    send_url(world, "first", "a", Answer(BOOK.encode(), media_type="text/plain"))
    again = [message.body for message in world.waiting if message.verb == "fetch"]
    world.deliver_some(2)
    server_answers(world, "a", Answer(OTHER_BOOK.encode(), media_type="text/plain"))
    for body in again:
        world.post("fetch", body)


def _either_book(world: World) -> list[str]:
    first, other = shows(world, "a", BOOK), shows(world, "a", OTHER_BOOK)
    return (first and other and [*first, *other]) + ended(job(world, "first"), JobState.SUCCEEDED)


EVERY: tuple[Scenario, ...] = (
    Scenario("book", _book, _book_ok),
    Scenario("book_next_part_lost", _lost, _book_ok),
    Scenario("book_replaced_between", _then(1, _replace), _replaced),
    Scenario("book_deleted_between", _then(2, lambda world: delete(world, "a")), lambda world: is_gone(world, "a")),
    Scenario("book_canceled_between", _then(2, _cancel), _canceled),
    Scenario("book_restarted_between", _then(1, _cancel_and_restart), _book_ok),
    Scenario("book_fetched_anew_between", _fetched_anew, _either_book),
    Scenario("book_too_long", _too_long, _too_long_ok, big=True),
)


# -- two things at the same time -----------------------------------------------------------------------------------


def second_part(world: World) -> Act:
    """Someone reads the second part of document `a`."""
    _book(world)
    world.deliver_some(1)
    return delivery(world, take(world, "extract"))


def _part_and_sweep(world: World) -> tuple[Act, Act]:
    return second_part(world), lambda: _sweep_later(world)


def _part_twice(world: World) -> tuple[Act, Act]:
    _book(world)
    world.deliver_some(1)
    message = take(world, "extract")
    return delivery(world, message), delivery(world, replace(message))


def _parts_of_two_lengths(world: World) -> tuple[Act, Act]:
    """Two on the second part, of whom the second has less time."""
    _book(world)
    world.deliver_some(1)
    message = take(world, "extract")
    return _reading_pages(3, world, message), _reading_pages(2, world, replace(message))


def _reading_pages(pages: int, world: World, message: Message) -> Act:
    limits = replace(world.engine.policy.limits, part_pages=pages)
    hurried = replace(world.engine, policy=replace(world.engine.policy, limits=limits))

    def act() -> None:
        world.engine = hurried  # who begins next brings its own
        delivery(world, message)()

    return act


def _first_part_twice(world: World) -> tuple[Act, Act]:
    _book(world)
    message = take(world, "extract")
    return delivery(world, message), delivery(world, replace(message))


def _part_and_late_one(world: World) -> tuple[Act, Act]:
    """The message of the first part comes again while the second is read."""
    _book(world)
    message = take(world, "extract")
    delivery(world, replace(message))()
    return delivery(world, take(world, "extract")), delivery(world, message)


def _part_and_bury(world: World) -> tuple[Act, Act]:
    """The first part's message was received too often, though its work was done."""
    _book(world)
    message = take(world, "extract")
    delivery(world, replace(message))()
    return delivery(world, take(world, "extract")), delivery(world, replace(message, verb="bury"))


def _sweep_later(world: World) -> None:
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive + 10))
    world.sweep()


def _late_part_and_restart(world: World) -> tuple[Act, Act]:
    _book(world)
    world.deliver_some(1)
    message = take(world, "extract")
    cancel(world, "first")
    return delivery(world, message), lambda: restart(world, "first")


def _part_and_fetch_again(world: World) -> tuple[Act, Act]:
    send_url(world, "first", "a", Answer(BOOK.encode(), media_type="text/plain"))
    message = take(world, "fetch")
    delivery(world, replace(message))()
    world.deliver_some(1)
    server_answers(world, "a", Answer(OTHER_BOOK.encode(), media_type="text/plain"))
    return delivery(world, take(world, "extract")), delivery(world, message)


PAIRS: tuple[Pair, ...] = (
    Pair("first part x the same", _first_part_twice, _book_ok),
    Pair("part x the same", _part_twice, _book_ok),
    Pair("part x a late one", _part_and_late_one, _book_ok),
    Pair("part x bury", _part_and_bury, _book_ok),
    Pair("part x sweep", _part_and_sweep, _book_ok),
    Pair("part x a shorter one", _parts_of_two_lengths, _book_ok),
    Pair("late part x restart", _late_part_and_restart, _book_ok),
    Pair("part x fetch again", _part_and_fetch_again, _either_book),
)
