"""Scenarios of requests that name several documents to delete, or that do not want to replace any."""

from collections.abc import Callable

from forebay.domain.requests import DocumentRequest, Hopeless, OnExisting, RemoveDocuments, SubmitJob, TextSource
from forebay.domain.transitions import JobState
from forebay.service.remove import remove_documents
from forebay.service.submit import submit
from tests.simulation.scenario import Scenario
from tests.simulation.users import SMALL, ended, is_gone, job, restart, send, shows, words
from tests.simulation.world import COLLECTION, TENANT, World

ONE = words("one", 2)
TWO = words("two", 2)


def delete_several(world: World, name: str, *ids: str, repeatable: bool = False) -> None:
    """Delete documents under an idempotency key."""
    request = RemoveDocuments(
        TENANT,
        COLLECTION,
        ids,
        repeatable,
        idempotency_key=name,
        request_sha256=f"sha-{name}",
        listed_in="deletions",
    )
    world.ask(lambda engine: remove_documents(engine, request))


def add(world: World, name: str, *texts: tuple[str, str]) -> None:
    """Submit documents that must not be there yet."""
    documents = tuple(DocumentRequest(id_, f"{id_}.txt", "", TextSource(text)) for id_, text in texts)
    request = SubmitJob(
        TENANT,
        COLLECTION,
        documents,
        SMALL,
        idempotency_key=name,
        request_sha256=f"sha-{name}",
        on_existing=OnExisting.REFUSE,
        hopeless=Hopeless.FAILED,
        listed_in="additions",
        memo="{}",
    )
    world.ask(lambda engine: submit(engine, request))


def _delete_several(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", ONE), ("b", TWO), ("c", ONE))
        world.deliver_some(deliveries)
        delete_several(world, "second", "a", "b", "never")

    return play


def _delete_several_ok(world: World) -> list[str]:
    gone = [wrong for id_ in ("a", "b", "never") for wrong in is_gone(world, id_)]
    return gone + shows(world, "c", ONE) + ended(job(world, "second"), JobState.SUCCEEDED)


def _delete_many(world: World) -> None:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(20)))
    world.drain()
    delete_several(world, "second", *(f"d{number}" for number in range(2, 20)))


def _delete_many_ok(world: World) -> list[str]:
    gone = [wrong for number in range(2, 20) for wrong in is_gone(world, f"d{number}")]
    kept = [wrong for number in range(2) for wrong in shows(world, f"d{number}", words(f"d{number}"))]
    return gone + kept + ended(job(world, "second"), JobState.SUCCEEDED)


def _delete_again(ids: int) -> Callable[[World], None]:
    """A deletion is restarted when one of its documents is there again, and another one for the first time."""

    def play(world: World) -> None:
        send(world, "first", ("a", ONE), ("b", ONE))
        world.drain()
        names = ("a", "b", *(f"never{number}" for number in range(ids)))
        delete_several(world, "second", *names, repeatable=True)
        world.come_to_rest()
        send(world, "third", ("a", TWO), ("never0", TWO), ("z", TWO))
        world.come_to_rest()
        restart(world, "second")

    return play


def _delete_again_ok(world: World) -> list[str]:
    removal = job(world, "second")
    if not removal.restarted_at:
        return []  # the client gave up
    gone = [wrong for id_ in ("a", "b", "never0") for wrong in is_gone(world, id_)]
    counted = [] if (removal.total, removal.counts.ready) == (3, 3) else [f"counted {removal.total} {removal.counts}"]
    return gone + counted + shows(world, "z", TWO) + ended(removal, JobState.SUCCEEDED)


def _add_what_is_there(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", ONE))
        world.deliver_some(deliveries)
        add(world, "second", ("a", TWO), ("b", TWO))

    return play


def _add_what_is_there_ok(world: World) -> list[str]:
    found = shows(world, "a", ONE) + shows(world, "b", TWO)
    return found + ended(job(world, "second"), JobState.PARTIALLY_SUCCEEDED)


EVERY: tuple[Scenario, ...] = (
    Scenario("delete_several", _delete_several(20), _delete_several_ok),
    Scenario("delete_several_running", _delete_several(2), _delete_several_ok),
    Scenario("delete_many", _delete_many, _delete_many_ok, big=True),
    Scenario("delete_again", _delete_again(1), _delete_again_ok),
    Scenario("delete_many_again", _delete_again(20), _delete_again_ok, big=True),
    Scenario("add_what_is_there", _add_what_is_there(20), _add_what_is_there_ok),
    Scenario("add_what_is_queued", _add_what_is_there(0), _add_what_is_there_ok),
)
