"""What users do, while things go wrong. Each scenario says what must have come of it once the world is at rest.

What is expected holds for a client that tries again until it has an answer; of one that gives up, only the auditor's
invariants hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

from forebay.domain.requests import (
    BadSource,
    DocumentRequest,
    ObjectSource,
    TextSource,
)
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.remove_collection import remove_collection
from tests.simulation import (
    cancellations,
    data_sources,
    deliveries,
    fetching,
    following,
    lanes,
    long_documents,
    manifests,
    quotas,
    removals,
    restarts,
)
from tests.simulation.scenario import LONG, ONE, TWO, Scenario
from tests.simulation.users import (
    delete,
    ended,
    failed_as,
    is_gone,
    job,
    jobs,
    put_into_inbox,
    send,
    send_documents,
    shows,
    upload,
    words,
)
from tests.simulation.world import COLLECTION, TENANT, TIMES, World

# -- scenarios -----------------------------------------------------------------------------------------------------


def _ingest_one(world: World) -> None:
    send(world, "first", ("a", ONE))


def _ingest_one_ok(world: World) -> list[str]:
    return shows(world, "a", ONE) + ended(job(world, "first"), JobState.SUCCEEDED)


def _ingest_several(world: World) -> None:
    bad = DocumentRequest("bad", "bad.txt", "", BadSource("invalid_base64", "not base64"))
    good = [DocumentRequest(id_, "", "", TextSource(words(id_, 2))) for id_ in "abc"]
    send_documents(world, "first", (*good, bad))


def _ingest_several_ok(world: World) -> list[str]:
    found = [wrong for id_ in "abc" for wrong in shows(world, id_, words(id_, 2))]
    return found + ended(job(world, "first"), JobState.PARTIALLY_SUCCEEDED)


def _long_document(world: World) -> None:
    send(world, "first", ("a", LONG))


def _long_document_ok(world: World) -> list[str]:
    return shows(world, "a", LONG) + ended(job(world, "first"), JobState.SUCCEEDED)


def _unchanged(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.drain()
    send(world, "again", ("a", ONE))


def _unchanged_ok(world: World) -> list[str]:
    again = job(world, "again")
    return (
        shows(world, "a", ONE)
        + ended(again, JobState.SUCCEEDED)
        + ([] if again.counts.unchanged == 1 or again.counts.embedded else ["nothing was found unchanged"])
    )


def _replace(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    send(world, "second", ("a", TWO))


def _replace_ok(world: World) -> list[str]:
    return shows(world, "a", TWO) + ended(job(world, "second"), JobState.SUCCEEDED)


def _replace_running(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", ONE))
        world.deliver_some(deliveries)
        send(world, "second", ("a", TWO))

    return play


def _delete(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    delete(world, "a")


def _delete_ok(world: World) -> list[str]:
    return is_gone(world, "a") + ended(jobs(world)[-1], JobState.SUCCEEDED)


def _delete_running(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", ("a", LONG))
        world.deliver_some(deliveries)
        delete(world, "a")

    return play


def _delete_then_ingest(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    delete(world, "a")
    world.come_to_rest()
    send(world, "second", ("a", TWO))


def _ingest_while_deleting(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.drain()
    delete(world, "a")
    send(world, "second", ("a", TWO))


def _delete_collection(world: World) -> None:
    send(world, "first", ("a", ONE), ("b", TWO))
    world.drain()
    send(world, "open", ("b", ONE), ("c", TWO))
    world.deliver_some(1)
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def _delete_collection_ok(world: World) -> list[str]:
    return [wrong for id_ in "abc" for wrong in is_gone(world, id_)] + ended(jobs(world)[-1], JobState.SUCCEEDED)


def _large(documents: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(documents)))

    return play


def _large_ok(documents: int) -> Callable[[World], list[str]]:
    def expect(world: World) -> list[str]:
        found = [wrong for n in range(documents) for wrong in shows(world, f"d{n}", words(f"d{n}"))]
        return found + ended(job(world, "first"), JobState.SUCCEEDED)

    return expect


def _delete_large_collection(world: World) -> None:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(30)))
    world.deliver_some(6)
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def _delete_large_collection_ok(world: World) -> list[str]:
    # Those that the large job had not accepted yet were asked for before the deletion, and do not come.
    gone = [wrong for number in range(30) for wrong in is_gone(world, f"d{number}")]
    return gone + ended(jobs(world)[-1], JobState.SUCCEEDED)


def _inbox_twice(world: World) -> None:
    put_into_inbox(world, "a.txt", ONE)
    world.object_event(f"inbox/{TENANT}/{COLLECTION}/a.txt")


def _inbox_ok(text: str) -> Callable[[World], list[str]]:
    return lambda world: shows(world, "a.txt", text)


def _inbox_overwritten(world: World) -> None:
    put_into_inbox(world, "a.txt", ONE)
    world.deliver_some(2)
    put_into_inbox(world, "a.txt", TWO)


def _inbox_deleted(world: World) -> None:
    put_into_inbox(world, "a.txt", ONE)
    world.drain()
    key = f"inbox/{TENANT}/{COLLECTION}/a.txt"
    world.user_deletes(key)
    world.object_event(key, "Object Deleted")


def _inbox_after_api_delete(world: World) -> None:
    put_into_inbox(world, "a.txt", ONE)
    world.drain()
    delete(world, "a.txt")
    world.object_event(f"inbox/{TENANT}/{COLLECTION}/a.txt")


def _inbox_gone(world: World) -> list[str]:
    return is_gone(world, "a.txt")


def _inbox_nowhere(world: World) -> None:
    """A file comes whose path is too long for a document's id; S3 tells twice."""
    name = "a" * 256
    put_into_inbox(world, name, ONE)
    world.object_event(f"inbox/{TENANT}/{COLLECTION}/{name}")


def _inbox_nowhere_ok(world: World) -> list[str]:
    (only,) = jobs(world)
    return ended(only, JobState.FAILED)


def _upload_never_comes(world: World) -> None:
    upload(world)


def _upload_arrives(times: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        key = upload(world)
        if key:
            world.user_puts(key, ONE.encode())
            for _ in range(times):
                world.object_event(key)

    return play


def _upload_ok(world: World) -> list[str]:
    return shows(world, "a", ONE) + ended(jobs(world)[-1], JobState.SUCCEEDED)


def _upload_expired_ok(world: World) -> list[str]:
    last = jobs(world)[-1]
    return is_gone(world, "a") + ended(last, JobState.FAILED)


def _upload_late(world: World) -> None:
    key = upload(world)
    world.come_to_rest()
    if key:
        world.user_puts(key, ONE.encode())
        world.object_event(key)


def _bad_document(world: World) -> None:
    send(world, "first", ("a", "!corrupt"), ("b", ONE))


def _bad_document_ok(world: World) -> list[str]:
    return (
        failed_as(world, "a", "corrupt")
        + shows(world, "b", ONE)
        + ended(job(world, "first"), JobState.PARTIALLY_SUCCEEDED)
    )


def _bad_version(world: World) -> None:
    send(world, "first", ("a", ONE))
    world.come_to_rest()
    send(world, "second", ("a", "!corrupt"))


def _bad_version_ok(world: World) -> list[str]:
    return shows(world, "a", ONE, state=DocumentState.FAILED) + ended(job(world, "second"), JobState.FAILED)


def _source_gone(world: World) -> None:
    bucket = world.engine.objects.uploads_bucket
    key = f"inbox/{TENANT}/{COLLECTION}/a.txt"
    world.user_puts(key, ONE.encode())
    send_documents(world, "first", (DocumentRequest("a", "", "", ObjectSource(bucket, key)),))


def _lost_sends(world: World) -> None:
    world.lose_sends = True
    send(world, "first", ("a", LONG), ("b", ONE))
    world.drain()
    world.lose_sends = False
    world.pass_time(world.clock() + timedelta(seconds=TIMES.redrive + 1))
    world.sweep()
    world.lose_sends = True
    world.drain()
    world.lose_sends = False


def _lost_sends_ok(world: World) -> list[str]:
    return shows(world, "a", LONG) + shows(world, "b", ONE) + ended(job(world, "first"), JobState.SUCCEEDED)


EVERY: tuple[Scenario, ...] = (
    Scenario("ingest_one", _ingest_one, _ingest_one_ok),
    Scenario("ingest_several", _ingest_several, _ingest_several_ok),
    Scenario("long_document", _long_document, _long_document_ok),
    Scenario("long_document_late_index", _long_document, _long_document_ok, late_index=True),
    Scenario("unchanged", _unchanged, _unchanged_ok),
    Scenario("replace", _replace, _replace_ok),
    Scenario("replace_queued", _replace_running(0), _replace_ok),
    Scenario("replace_indexing", _replace_running(1), _replace_ok),
    Scenario("delete", _delete, _delete_ok),
    Scenario("delete_late_index", _delete, _delete_ok, late_index=True),
    Scenario("delete_queued", _delete_running(0), _delete_ok),
    Scenario("delete_indexing", _delete_running(2), _delete_ok),
    Scenario("delete_then_ingest", _delete_then_ingest, _replace_ok),
    Scenario("ingest_while_deleting", _ingest_while_deleting, _replace_ok),
    Scenario("delete_collection", _delete_collection, _delete_collection_ok),
    Scenario("inbox_twice", _inbox_twice, _inbox_ok(ONE)),
    Scenario("inbox_overwritten", _inbox_overwritten, _inbox_ok(TWO)),
    Scenario("inbox_deleted", _inbox_deleted, _inbox_gone),
    Scenario("inbox_event_after_api_delete", _inbox_after_api_delete, _inbox_gone),
    Scenario("inbox_nowhere", _inbox_nowhere, _inbox_nowhere_ok),
    Scenario("upload", _upload_arrives(1), _upload_ok),
    Scenario("upload_twice", _upload_arrives(2), _upload_ok),
    Scenario("upload_never_comes", _upload_never_comes, _upload_expired_ok),
    Scenario("upload_comes_late", _upload_late, _upload_expired_ok),
    Scenario("bad_document", _bad_document, _bad_document_ok),
    Scenario("bad_version", _bad_version, _bad_version_ok),
    Scenario("object_source", _source_gone, _ingest_one_ok),
    Scenario("lost_sends", _lost_sends, _lost_sends_ok),
    Scenario("large_26", _large(26), _large_ok(26), big=True),
    Scenario("large_60", _large(60), _large_ok(60), big=True),
    Scenario("delete_large_collection", _delete_large_collection, _delete_large_collection_ok, big=True),
    *fetching.EVERY,
    *cancellations.EVERY,
    *removals.EVERY,
    *restarts.EVERY,
    *data_sources.EVERY,
    *manifests.EVERY,
    *long_documents.EVERY,
    *lanes.EVERY,
    *quotas.EVERY,
    *deliveries.EVERY,
    *following.EVERY,
)

NAMED = {scenario.name: scenario for scenario in EVERY}

# What the engine is to hold under every fault of every call, on the real adapters, too; and by which scenarios it is
# played. The first of each is played at some of its calls whenever the tests run.
HELD: Mapping[str, tuple[str, ...]] = {
    "ingest": ("ingest_one", "ingest_several", "fetch"),
    "multi-batch": ("long_document", "long_document_late_index"),
    "re-ingest unchanged": ("unchanged",),
    "replace": ("replace", "replace_queued", "replace_indexing"),
    "cancel": ("cancel_indexing", "cancel_queued", "cancel_with_some_ready"),
    "retry": ("retry_after_poison", "retry_missing"),
    "restart": ("cancel_and_restart", "restart_all"),
    "delete": ("delete", "delete_queued", "delete_indexing"),
    "delete and ingest": ("delete_then_ingest", "ingest_while_deleting"),
    "delete a collection": ("delete_collection",),
    "S3 duplicate": ("inbox_twice", "upload_twice"),
    "S3 overwritten, deleted": ("inbox_overwritten", "inbox_deleted"),
    "poison": ("bad_document", "bad_version"),
    "expand": ("large_26", "cancel_expanding"),
    "sweep": ("lost_sends", "upload_never_comes"),
    "tell": ("webhook", "webhook_gone", "task_done", "webhook_lost", "followed"),
}


_GIVES_UP = "_client_gives_up"
_TOLD = "_told_of_documents"


def giving_up(scenario: Scenario) -> Scenario:
    """The same with a client that never tries again: only the invariants must hold."""
    return replace(scenario, name=f"{scenario.name}{_GIVES_UP}", expect=lambda _: [], tries=1)


def told_of_documents(scenario: Scenario) -> Scenario:
    """The same where the operator wants the ends of all documents to be told."""

    def play(world: World) -> None:
        world.engine = replace(world.engine, policy=replace(world.engine.policy, document_events=True))
        scenario.play(world)

    return replace(scenario, name=f"{scenario.name}{_TOLD}", play=play)


_VARIED: Mapping[str, Callable[[Scenario], Scenario]] = {_GIVES_UP: giving_up, _TOLD: told_of_documents}


def named(name: str) -> Scenario:
    """The scenario that a run's line names."""
    for suffix, varied in _VARIED.items():
        if name.endswith(suffix):
            return varied(NAMED[name.removesuffix(suffix)])
    return NAMED[name]
