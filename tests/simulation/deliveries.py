"""Jobs whose callers want to be told: by webhooks, and by messages to a broker in PrivateGPT's words."""

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from forebay.adapters.memory_delivery import TAKEN, MemoryBroker
from forebay.dialects.dialect import Call
from forebay.dialects.privategpt.parse import remove_command, submit_command
from forebay.dialects.privategpt.requests import DeleteIngestedDocumentAsyncBody, IngestAsyncBody
from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means
from forebay.domain.delivery import QUEUED_TRIES, WAITS_SECONDS, Reply, TargetState
from forebay.domain.events import JOB_ENDS
from forebay.domain.job import Job, Redo
from forebay.domain.stored_event import StoredEvent, event_of
from forebay.domain.times import instant
from forebay.domain.transitions import JobState
from forebay.service.authenticate import Principal
from forebay.service.engine import Engine
from forebay.service.remove import remove_documents
from forebay.service.submit import submit
from tests.simulation.receivers import BROKEN, CLOSED, HANGS, OFF, Manner, takes_all
from tests.simulation.scenario import ONE, TWO, Scenario
from tests.simulation.users import ask_again, cancel, ended, job, jobs, restart, send
from tests.simulation.world import COLLECTION, TENANT, World

HOOK: Final = "https://hooks.example.org/a"
DEAD: Final = "https://dead.example.org/a"
SECRETS: Final = tuple("whsec_" + b64encode(bytes([number]) * 24).decode() for number in (7, 8))
_DELIVERED: Final = TargetState.DELIVERED
_DAY: Final = timedelta(days=1)
_LATER_SECONDS: Final = 7_200  # when a receiver that is busy wants to be asked again


# -- whom to tell ----------------------------------------------------------------------------------------------------


def webhook(world: World, url: str = HOOK, events: tuple[str, ...] = JOB_ENDS, secrets: int = 1) -> Callback:
    """A webhook with so many secrets, which nobody may read from now on."""
    world.secrets |= set(SECRETS)
    sealed = tuple(world.vault.seal(secret, TENANT) for secret in SECRETS[:secrets])
    return Callback(Means.WEBHOOK, events, url=url, secrets=sealed)


def send_told(world: World, name: str, *texts: tuple[str, str], manner: Manner | None = None) -> None:
    """Submit documents; a webhook wants to hear of it."""
    if manner is not None:
        world.receivers.manners[HOOK] = manner
    send(world, name, *texts, callbacks=[webhook(world)])


def ask_for_task(world: World, artifact: str, written: str, exchange: str = "tasks") -> None:
    """Ask for an ingestion, as PrivateGPT's clients do."""
    document = {"artifact": artifact, "collection": COLLECTION, "input": {"type": "text", "value": written}}
    wish = {"ingest_body": document, "callback": {"amqp": {"exchange": exchange}, "properties": {"mine": artifact}}}
    body = IngestAsyncBody.model_validate(wish)
    task = f"task-{len(jobs(world))}"
    world.ask(lambda engine: submit(engine, submit_command(_call(engine), body.ingest_body, task, body.callback)))


def ask_for_deletion(world: World, artifact: str) -> None:
    """Ask for a deletion, as PrivateGPT's clients do."""
    wish = {
        "delete_body": {"collection": COLLECTION, "artifact": artifact},
        "callback": {"amqp": {"exchange": "tasks"}},
    }
    body = DeleteIngestedDocumentAsyncBody.model_validate(wish)
    task = f"task-{len(jobs(world))}"
    world.ask(
        lambda engine: remove_documents(engine, remove_command(_call(engine), body.delete_body, task, body.callback))
    )


def _call(engine: Engine) -> Call:
    return Call(engine, Principal(TENANT, frozenset({"admin"}), ""), "request", dict, str)


# -- what came of it -------------------------------------------------------------------------------------------------


def events_of(world: World, found: Job) -> list[StoredEvent]:
    """What is recorded to be told of the job, in its order."""
    pk = keys.job(found.id).pk
    events = [event_of(r) for k, r in world.records().items() if k.pk == pk and k.sk.startswith(keys.EVENTS)]
    return sorted(events, key=lambda told: told.event.sequence)


def ends_of(world: World, found: Job) -> list[StoredEvent]:
    """Its ends, in their order."""
    return [told for told in events_of(world, found) if told.event.type in JOB_ENDS]


def _are(told: StoredEvent, *states: TargetState) -> list[str]:
    found = [target.state for target in told.targets.values()]
    return [] if found == list(states) else [f"{told.event.id} is {found}, not {list(states)}"]


def _told(state: JobState, *states: TargetState) -> Callable[[World], list[str]]:
    """The job ended so, and its one end came to that with its targets."""

    def expect(world: World) -> list[str]:
        found = jobs(world)[0]
        (end,) = ends_of(world, found)
        return ended(found, state) + _are(end, *states)

    return expect


_told_well = _told(JobState.SUCCEEDED, _DELIVERED)


# -- webhooks --------------------------------------------------------------------------------------------------------


def _webhook(world: World) -> None:
    send(world, "first", ("a", ONE), callbacks=[webhook(world, secrets=2)])


def _webhook_canceled(world: World) -> None:
    send_told(world, "first", ("a", ONE))
    world.deliver_some(1)
    cancel(world, "first")


def _webhook_restarted(world: World) -> None:
    send_told(world, "first", ("a", ONE))
    world.deliver_some(2)
    cancel(world, "first")
    world.drain()
    restart(world, "first")


def _both_ends_told(world: World) -> list[str]:
    first, *others = ends_of(world, jobs(world)[0])
    last = others[-1:] or [first]  # a cancellation may come too late, and then there is one end only
    return [wrong for told in (first, *last) for wrong in _are(told, _DELIVERED)]


def _failing_for_a_day(world: World) -> None:
    well = world.clock() + _DAY
    failures = (BROKEN, HANGS, CLOSED, Reply(status=302, error="webhook_redirect"))
    send_told(world, "first", ("a", ONE), manner=lambda at, n: TAKEN if at >= well else failures[n % len(failures)])


def _failing_ok(world: World) -> list[str]:
    (end,) = ends_of(world, job(world, "first"))
    wrong = _told_well(world)
    came = [came for came in world.receivers.came if came.event == end.event.id]
    if [attempt.number for attempt in end.attempts] != list(range(1, end.targets[0].attempts + 1)):
        wrong.append(f"the log has {end.attempts}")
    if not came or came[-1].at - came[0].at < _DAY or len(came) < len(end.attempts) - 1:
        wrong.append(f"it came {len(came)} times, the log has {len(end.attempts)}")
    return wrong


def _busy(world: World) -> None:
    busy = Reply(status=503, error="webhook_status", retry_after=_LATER_SECONDS)
    send_told(world, "first", ("a", ONE), manner=lambda _, n: TAKEN if n else busy)


def _left_alone(world: World) -> list[str]:
    (end,) = ends_of(world, job(world, "first"))
    first, *others = end.attempts
    early = first.error == "webhook_status" and instant(others[0].at) < instant(first.at) + timedelta(hours=2)
    return _told_well(world) + (["it was not left alone"] if early else [])


def _gone(world: World) -> None:
    send_told(world, "first", ("a", ONE), manner=lambda *_: OFF)
    world.come_to_rest()
    restart(world, "first", Redo.ALL)


def _gone_ok(world: World) -> list[str]:
    off = TargetState.DISABLED
    first, second = ends_of(world, job(world, "first"))
    wrong = _are(first, off) + _are(second, off)
    if second.targets[0].attempts or any(came.event == second.event.id for came in world.receivers.came):
        wrong.append("who wants nothing more was told once more")
    return wrong


def _asked_again(before: Manner) -> Callable[[World], None]:
    """A receiver is unwell until it is mended; then it is asked that all be told again."""

    def play(world: World) -> None:
        send_told(world, "first", ("a", ONE), manner=before)
        world.come_to_rest()
        world.receivers.manners[HOOK] = takes_all
        for end in [end for each in jobs(world) for end in ends_of(world, each)]:
            ask_again(world, end.event.id)
        world.drain()
        restart(world, "first", Redo.ALL)

    return play


def _asked_again_lost(world: World) -> None:
    send_told(world, "first", ("a", ONE))
    world.come_to_rest()
    world.lose_sends = True
    for end in [end for each in jobs(world) for end in ends_of(world, each)]:
        ask_again(world, end.event.id)
    world.lose_sends = False


def _came_again(world: World) -> list[str]:
    return _told_well(world) + (["it did not come again"] if len(world.receivers.came) < BOTH else [])


BOTH: Final = 2  # times


def _one_dead(world: World) -> None:
    world.receivers.manners[DEAD] = lambda *_: BROKEN
    send(world, "first", ("a", ONE), callbacks=[webhook(world, DEAD), webhook(world)])


def _other_not_delayed(world: World) -> list[str]:
    (end,) = ends_of(world, job(world, "first"))
    taken = [came.at for came in world.receivers.came_to(HOOK)]
    dead = [came.at for came in world.receivers.came_to(DEAD)]
    late = (
        not taken or len([at for at in dead if at < taken[0]]) > QUEUED_TRIES
    )  # those that may come first when a message is lost
    return _told(JobState.SUCCEEDED, TargetState.FAILED, _DELIVERED)(world) + (
        [f"a dead target delayed another: {taken}, {dead}"] if late else _used_up(end)
    )


def _used_up(told: StoredEvent) -> list[str]:
    tries = told.targets[0].tries
    return [] if tries == len(WAITS_SECONDS) else [f"it was tried {tries} times"]


def _dead(world: World) -> None:
    send_told(world, "first", ("a", ONE), manner=lambda *_: BROKEN)


def _dead_ok(world: World) -> list[str]:
    (end,) = ends_of(world, job(world, "first"))
    return _are(end, TargetState.FAILED) + _used_up(end)


def _lose_deliveries(world: World) -> None:
    world.collect()
    world.waiting = [message for message in world.waiting if message.verb != "deliver"]


def _lost(world: World) -> None:
    """All messages that would tell are lost, again and again."""
    send_told(world, "first", ("a", ONE))
    for _ in range(30):
        if all(each.ended for each in jobs(world)):
            break
        world.deliver_some(1)
        world.sweep()
    for seconds in (0, 61, 61, 121):
        _lose_deliveries(world)
        world.pass_time(world.clock() + timedelta(seconds=seconds))
        world.sweep()
    _lose_deliveries(world)


# -- the broker ------------------------------------------------------------------------------------------------------


def _task(written: str) -> Callable[[World], None]:
    return lambda world: ask_for_task(world, "a", written)


def _task_deleted(world: World) -> None:
    ask_for_task(world, "a", ONE)
    world.come_to_rest()
    ask_for_deletion(world, "a")


def _task_revoked(world: World) -> None:
    ask_for_task(world, "a", ONE)
    world.deliver_some(1)
    ask_for_task(world, "a", TWO)


def _said(*types: str) -> Callable[[World], list[str]]:
    """The ends of the tasks were said in these types, each under its routing key and under one id."""

    def expect(world: World) -> list[str]:
        said = {
            message.message_id: (message.routing_key, json.loads(message.body)) for message in world.broker.published
        }
        ends = {id_: (key, body) for id_, (key, body) in said.items() if not body["type"].endswith(".progress")}
        found = sorted(body["type"] for _, body in ends.values())
        wrong = [] if found == sorted(types) else [f"said were {found}"]
        wrong += [f"{key} is not {body['type']}" for key, body in ends.values() if key != body["type"]]
        wrong += [wrong for each in jobs(world) for end in ends_of(world, each) for wrong in _are(end, _DELIVERED)]
        return wrong

    return expect


def _unwell(now: Callable[[MemoryBroker], None], later: Callable[[MemoryBroker], None]) -> Callable[[World], None]:
    """The broker is not as it should be for some hours."""

    def play(world: World) -> None:
        now(world.broker)
        world.broker.later.append((world.clock() + timedelta(hours=3), later))
        ask_for_task(world, "a", ONE)

    return play


def _goes_down(broker: MemoryBroker) -> None:
    broker.down = True


def _comes_up(broker: MemoryBroker) -> None:
    broker.down = False


def _by(exchanges: dict[str, set[str] | None]) -> Callable[[MemoryBroker], None]:
    def change(broker: MemoryBroker) -> None:
        broker.exchanges = exchanges

    return change


def _in_our_words(world: World) -> None:
    keys_ = {"done": "mine.done"}
    send(world, "first", ("a", ONE), callbacks=[Callback(Means.AMQP, exchange="tasks", routing_keys=keys_)])


_DONE: Final = "pgpt.vector_index_task.done"
_ERROR: Final = "pgpt.vector_index_task.error"

EVERY: Sequence[Scenario] = (
    Scenario("webhook", _webhook, _told_well),
    Scenario("webhook_canceled", _webhook_canceled, _both_ends_told, alike=True),
    Scenario("webhook_restarted", _webhook_restarted, _both_ends_told, alike=True),
    Scenario("webhook_failing_for_a_day", _failing_for_a_day, _failing_ok),
    Scenario("webhook_busy", _busy, _left_alone, alike=True),
    Scenario("webhook_gone", _gone, _gone_ok),
    Scenario("webhook_beside_a_dead_one", _one_dead, _other_not_delayed, alike=True),
    Scenario("webhook_dead", _dead, _dead_ok, alike=True),
    Scenario("webhook_lost", _lost, _told_well),
    Scenario("webhook_dead_asked_again", _asked_again(lambda *_: BROKEN), _both_ends_told, alike=True),
    Scenario("webhook_gone_asked_again", _asked_again(lambda *_: OFF), _both_ends_told, alike=True),
    Scenario("webhook_asked_again_lost", _asked_again_lost, _came_again, alike=True),
    Scenario("task_done", _task(ONE), _said(_DONE)),
    Scenario("task_failed", _task("!corrupt"), _said(_ERROR), alike=True),
    Scenario("task_deleted", _task_deleted, _said(_DONE, "pgpt.delete_ingested_task.done"), alike=True),
    Scenario("task_revoked", _task_revoked, _said(_DONE, _ERROR)),
    Scenario("task_while_broker_is_down", _unwell(_goes_down, _comes_up), _said(_DONE), alike=True),
    Scenario("task_without_exchange", _unwell(_by({}), _by({"tasks": None})), _said(_DONE), alike=True),
    Scenario("task_unroutable", _unwell(_by({"tasks": set()}), _by({"tasks": {_DONE}})), _said(_DONE), alike=True),
    Scenario("told_by_broker_in_our_words", _in_our_words, _told_well, alike=True),
)
