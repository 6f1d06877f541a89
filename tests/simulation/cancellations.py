"""Jobs that are canceled, while things go wrong."""

from collections.abc import Callable

from forebay.domain.transitions import DocumentState, JobState
from tests.simulation.scenario import LONG, ONE, TWO, Scenario
from tests.simulation.users import cancel as cancel_job
from tests.simulation.users import canceled, document, ended, is_gone, job, jobs, send, shows, upload, words
from tests.simulation.world import World


def _cancel(text: str, deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", text))
        world.deliver_some(deliveries)
        cancel_job(world, "first")

    return play


def _canceled(world: World) -> list[str]:
    return canceled(world, "a") + ended(job(world, "first"), JobState.CANCELED)


def _cancel_version(world: World) -> None:
    send(world, "old", ("a", ONE))
    world.come_to_rest()
    send(world, "first", ("a", TWO))
    world.deliver_some(1)
    cancel_job(world, "first")


def _old_version(world: World) -> list[str]:
    return shows(world, "a", ONE, state=DocumentState.CANCELED) + ended(job(world, "first"), JobState.CANCELED)


def _cancel_unchanged(world: World) -> None:
    send(world, "old", ("a", ONE))
    world.come_to_rest()
    send(world, "first", ("a", ONE))
    cancel_job(world, "first")


def _cancel_with_some_ready(world: World) -> None:
    send(world, "first", ("a", ONE), ("b", TWO), ("c", LONG))
    world.deliver_some(4)
    cancel_job(world, "first")


def _some_ready(*ids: str) -> Callable[[World], list[str]]:
    """Each is whole or canceled; that some are canceled is what the job is told by."""

    def expect(world: World) -> list[str]:
        states = [found.state for id_ in ids if (found := document(world, id_)) is not None]
        lost = DocumentState.CANCELED in states or len(states) < len(ids)
        wrong = [str(state) for state in states if state not in (DocumentState.READY, DocumentState.CANCELED)]
        return wrong + ended(job(world, "first"), JobState.CANCELED if lost else JobState.SUCCEEDED)

    return expect


def _cancel_ended(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    cancel_job(world, "first")


def _not_canceled(world: World) -> list[str]:
    return shows(world, "a", ONE) + ended(job(world, "first"), JobState.SUCCEEDED)


def _cancel_then_ingest(world: World) -> None:
    send(world, "first", ("a", LONG))
    world.deliver_some(2)
    cancel_job(world, "first")
    send(world, "second", ("a", TWO))


def _ingested(world: World) -> list[str]:
    return shows(world, "a", TWO) + ended(job(world, "second"), JobState.SUCCEEDED)


def _cancel_large(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(26)))
        world.deliver_some(deliveries)
        cancel_job(world, "first")

    return play


def _cancel_upload(world: World) -> None:
    key = upload(world)
    if key:
        cancel_job(world, jobs(world)[-1].id)
        world.user_puts(key, ONE.encode())
        world.object_event(key)


def _upload_canceled(world: World) -> list[str]:
    return is_gone(world, "a") + ended(jobs(world)[-1], JobState.CANCELED)


EVERY: tuple[Scenario, ...] = (
    Scenario("cancel_queued", _cancel(ONE, 0), _canceled),
    Scenario("cancel_indexing", _cancel(LONG, 2), _some_ready("a")),
    Scenario("cancel_late_index", _cancel(ONE, 2), _canceled, late_index=True),
    Scenario("cancel_version", _cancel_version, _old_version),
    Scenario("cancel_unchanged", _cancel_unchanged, _old_version),
    Scenario("cancel_with_some_ready", _cancel_with_some_ready, _some_ready("a", "b", "c")),
    Scenario("cancel_ended", _cancel_ended, _not_canceled),
    Scenario("cancel_then_ingest", _cancel_then_ingest, _ingested),
    Scenario("cancel_upload", _cancel_upload, _upload_canceled),
    Scenario("cancel_expanding", _cancel_large(0), _some_ready(*(f"d{n}" for n in range(26))), big=True),
    Scenario("cancel_large", _cancel_large(12), _some_ready(*(f"d{n}" for n in range(26))), big=True),
)
