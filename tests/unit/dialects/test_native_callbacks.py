"""Callbacks of the native API: what is taken and refused, what is kept, and who gets to see a secret."""

import json
import logging
from base64 import b64encode
from dataclasses import replace
from typing import Any, Final

import pytest

from forebay.adapters.memory import MemoryBus, MemoryQueues, MemoryRecords
from forebay.adapters.memory_delivery import MemoryVault
from forebay.adapters.memory_objects import MemoryObjects
from forebay.domain import keys
from forebay.domain.callbacks import Callback, Means, callbacks_of
from forebay.domain.document import JobId, TenantId
from forebay.domain.events import EVENT_TYPES, JOB_ENDS, JOB_PROGRESS
from forebay.domain.records import text
from forebay.service.engine import Policy
from tests.engines import TENANT
from tests.http_client import Answer, Client, engine_on_fakes

JOBS: Final = "/forebay/v1/jobs"
UPLOADS: Final = "/forebay/v1/uploads"
UPLOAD: Final = {"collection": "manuals", "name": "scan.txt", "size_bytes": 100}
HOOK: Final = "https://example.org/hook"


def secret_of(size_bytes: int, first: int = 7) -> str:
    return "whsec_" + b64encode(bytes([first]) * size_bytes).decode()


SECRET: Final = secret_of(32)
OTHER: Final = secret_of(24, 9)


def a_webhook(**members: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": HOOK, "secret": SECRET} | members


def an_amqp(**members: Any) -> dict[str, Any]:
    return {"type": "amqp", "exchange": "events"} | members


def ask(client: Client, *callbacks: dict[str, Any], headers: dict[str, str] | None = None, **members: Any) -> Answer:
    documents = [{"id": "a", "source": {"type": "text", "text": "hello"}}]
    body = {"collection": "manuals", "documents": documents, "callbacks": list(callbacks), **members}
    return client.send("POST", JOBS, body, headers)


def stored(client: Client, job: str) -> tuple[Callback, ...]:
    record = client.engine.records.get(keys.job(JobId(job)))
    assert record is not None
    return callbacks_of(text(record, "callbacks"))


def opened(client: Client, callback: Callback) -> list[str]:
    return [client.engine.vault.open(sealed, TENANT) for sealed in callback.secrets]


def assert_refused(answer: Answer, *place: str | int, saying: str = "") -> None:
    assert answer.status == 422, answer.text
    assert [each["loc"] for each in answer.json["errors"]] == [["body", "callbacks", *place]]
    assert saying in answer.json["errors"][0]["msg"]


# -- webhooks ----------------------------------------------------------------------------------------------------------


def test_a_webhook_is_kept_with_its_secret_sealed_and_hears_of_the_end_alone() -> None:
    client = Client()

    answer = ask(client, a_webhook())

    assert answer.status == 202
    (kept,) = stored(client, answer.json["id"])
    assert (kept.means, kept.url, kept.events) == (Means.WEBHOOK, HOOK, JOB_ENDS)
    assert SECRET not in kept.secrets
    assert opened(client, kept) == [SECRET]


def test_two_secrets_sign_while_the_receiver_goes_over() -> None:
    client = Client()

    (kept,) = stored(client, ask(client, a_webhook(secret=[SECRET, OTHER])).json["id"])

    assert opened(client, kept) == [SECRET, OTHER]


def test_a_secret_that_is_made_is_shown_once() -> None:
    client = Client()
    key = {"Idempotency-Key": "k"}

    first, again = (ask(client, {"type": "webhook", "url": HOOK}, headers=key) for _ in range(2))

    job = first.json["id"]
    made = first.json["callbacks"][0]["secret"]
    assert opened(client, stored(client, job)[0]) == [made]
    assert (first.status, again.status, again.json["id"]) == (202, 200, job)
    assert len({made, ask(client, {"type": "webhook", "url": HOOK}).json["callbacks"][0]["secret"]}) == 2
    for later in (again, client.send("GET", f"{JOBS}/{job}"), client.send("GET", JOBS)):
        assert made not in later.text
        assert '"secret"' not in later.text


def test_a_secret_that_was_given_is_not_shown() -> None:
    assert '"secret"' not in ask(Client(), a_webhook()).text


@pytest.mark.parametrize(
    "secret",
    [
        secret_of(23),
        secret_of(65),
        SECRET.removeprefix("whsec_"),
        SECRET + "=",
        "whsec_" + "!" * 44,
        "whsec_",
        "whsec_é" * 6,
        "",
        7,
        {},
        [],
        [SECRET],
        [SECRET, OTHER, SECRET],
        [SECRET, secret_of(23)],
        [SECRET, None],
    ],
)
def test_other_secrets_are_refused_without_being_repeated(secret: Any) -> None:
    answer = ask(Client(), a_webhook(secret=secret))

    assert_refused(answer, 0, "secret", saying="base64 of 24 to 64 random bytes")
    assert not any(given in answer.text for given in (SECRET, OTHER, secret_of(23), secret_of(65)))


@pytest.mark.parametrize("size_bytes", [24, 64])
def test_secrets_of_every_length_of_the_standard_are_taken(size_bytes: int) -> None:
    assert ask(Client(), a_webhook(secret=secret_of(size_bytes))).status == 202


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://localhost/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest",
        "https://0x7f.1/",
        "https://me:word@example.org/",
        "https://example.org:22/",
        "https://[::1]/",
    ],
)
def test_a_webhook_that_leads_elsewhere_than_to_a_public_host_by_https_is_refused(url: str) -> None:
    answer = ask(Client(), an_amqp(), a_webhook(url=url))

    assert_refused(answer, 1, "url", saying="give an https URL of a public host")


@pytest.mark.parametrize("url", ["ftp://example.org/", "hook", "", "https://", f"https://example.org/{'a' * 2_048}"])
def test_what_is_no_url_of_a_webhook_is_refused(url: str) -> None:
    assert_refused(ask(Client(), a_webhook(url=url)), 0, "url")


def test_a_laptop_may_call_itself() -> None:
    policy = Policy(anonymous_tenant=TENANT, private_callbacks=True)

    assert ask(Client(engine_on_fakes(policy)), a_webhook(url="http://127.0.0.1:9000/hook")).status == 202


# -- patterns ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["*", "forebay.*", "forebay.job.*", "*.failed", *EVENT_TYPES])
def test_a_pattern_that_means_some_event_is_kept(pattern: str) -> None:
    client = Client()

    answer = ask(client, a_webhook(events=[pattern]), an_amqp(events=[pattern]))

    assert [each["events"] for each in answer.json["callbacks"]] == [[pattern], [pattern]]
    assert [each.events for each in stored(client, answer.json["id"])] == [(pattern,), (pattern,)]


def test_a_pattern_that_means_nothing_is_named_beside_what_there_is() -> None:
    answer = ask(Client(), a_webhook(events=["forebay.job.*", "forebay.jobs.*"]))

    assert_refused(answer, 0, "events", 1, saying="forebay.jobs.*")
    said = answer.json["errors"][0]["msg"]
    assert "forebay.job.* of" in said
    assert "forebay.document.* of" in said
    assert all(known.rpartition(".")[2] in said for known in EVENT_TYPES)


@pytest.mark.parametrize("pattern", ["", "Forebay.*", "forebay.job.[a-z]*", "forebay.job.?ailed", "a" * 101])
def test_a_pattern_of_other_characters_is_refused(pattern: str) -> None:
    assert_refused(ask(Client(), a_webhook(events=[pattern])), 0, "events", 0)


def test_no_pattern_at_all_is_refused() -> None:
    assert_refused(ask(Client(), a_webhook(events=[])), 0, "events")


# -- AMQP --------------------------------------------------------------------------------------------------------------


def test_routing_keys_are_kept_by_stage() -> None:
    client = Client()

    answer = ask(client, an_amqp(routing_key_done="d", routing_key_progress="p", routing_key_error="e"), an_amqp())

    every, none = stored(client, answer.json["id"])
    assert (every.means, every.exchange) == (Means.AMQP, "events")
    assert every.routing_keys == {"done": "d", "progress": "p", "error": "e"}
    assert none.routing_keys == {}


def test_progress_is_told_by_amqp_where_it_has_a_routing_key() -> None:
    client = Client()

    answer = ask(client, an_amqp(routing_key_done="d"), an_amqp(routing_key_progress="p"))

    assert [each.wants(JOB_PROGRESS) for each in stored(client, answer.json["id"])] == [False, True]


@pytest.mark.parametrize(
    ("member", "most"), [("exchange", 127), ("routing_key_done", 255), ("routing_key_progress", 255)]
)
def test_amqps_bounds_are_in_bytes(member: str, most: int) -> None:
    fits, beyond = "ä" * (most // 2) + "x", "ä" * (most // 2) + "xx"

    assert ask(Client(), an_amqp(**{member: fits})).status == 202
    assert_refused(ask(Client(), an_amqp(**{member: beyond})), 0, member, saying=str(most))
    assert_refused(ask(Client(), an_amqp(**{member: ""})), 0, member)


@pytest.mark.parametrize(
    ("allowed", "taken"),
    [
        ({"*:*"}, True),
        ({"acme:*"}, True),
        ({"*:events"}, True),
        ({"beta:events", "acme:events"}, True),
        ({"acme:eventss", "beta:events", "acm:*", "*:acme", "events", "*"}, False),
        (set(), False),
    ],
)
def test_an_exchange_is_the_tenants_only_where_the_operator_says_so(allowed: set[str], taken: bool) -> None:
    client = Client(engine_on_fakes(Policy(anonymous_tenant=TENANT, allowed_exchanges=frozenset(allowed))))

    for answer in (
        ask(client, a_webhook(), an_amqp()),
        client.send("POST", UPLOADS, UPLOAD | {"callbacks": [a_webhook(), an_amqp()]}),
    ):
        if taken:
            assert answer.status < 300
        else:
            assert_refused(answer, 1, "exchange", saying="ask the operator to allow it")


# -- what is kept and shown --------------------------------------------------------------------------------------------


def test_properties_and_callbacks_are_bounded_as_they_are_kept() -> None:
    client = Client()
    (kept,) = stored(client, ask(client, a_webhook()).json["id"])
    callbacks = len(json.dumps([{"secrets": kept.secrets}]))
    properties = {"p": "x" * (16_384 - callbacks)}

    assert ask(client, properties=properties).status == 202
    assert_refused(ask(client, a_webhook(), properties=properties), saying="16384 bytes")


def test_too_many_long_urls_are_refused_for_an_upload_too() -> None:
    callbacks = [a_webhook(url=f"https://example.org/{'a' * 2_000}")] * 9

    assert_refused(Client().send("POST", UPLOADS, UPLOAD | {"callbacks": callbacks}), saying="16384 bytes")


def test_a_job_shows_its_callbacks_without_queries() -> None:
    client = Client()
    job = ask(client, a_webhook(url=f"{HOOK}?token=canary#part"), an_amqp(exchange="e")).json["id"]
    records = client.engine.records
    assert isinstance(records, MemoryRecords)
    place = keys.job(JobId(job))
    records.records[place] = {**records.records[place], "callbacks_off": frozenset({0})}

    shown = client.send("GET", f"{JOBS}/{job}")

    assert shown.json["callbacks"] == [
        {"type": "webhook", "url": f"{HOOK}?...", "events": list(JOB_ENDS), "disabled": True},
        {"type": "amqp", "exchange": "e", "events": list(JOB_ENDS), "disabled": False},
    ]


def test_an_uploads_callbacks_are_its_jobs() -> None:
    client = Client()

    answer = client.send("POST", UPLOADS, UPLOAD | {"callbacks": [{"type": "webhook", "url": HOOK}]})

    (kept,) = stored(client, answer.json["job_id"])
    assert answer.status == 201
    assert opened(client, kept) == [answer.json["callbacks"][0]["secret"]]
    assert "callbacks" not in client.send("POST", UPLOADS, UPLOAD).json


def test_callbacks_of_an_upload_that_starts_no_job_are_refused() -> None:
    answer = Client().send("POST", UPLOADS, UPLOAD | {"start": False, "callbacks": [a_webhook()]})

    assert_refused(answer, saying="give them to the job")


class CountingVault(MemoryVault):
    """How often it was asked to seal."""

    sealed = 0

    def seal(self, secret: str, tenant: TenantId) -> str:
        self.sealed += 1
        return super().seal(secret, tenant)


@pytest.fixture
def counting() -> tuple[Client, CountingVault]:
    """A client, and the vault that seals for it."""
    vault = CountingVault()
    return Client(replace(engine_on_fakes(), vault=vault)), vault


def test_a_dry_run_checks_callbacks_and_seals_nothing(counting: tuple[Client, CountingVault]) -> None:
    client, vault = counting
    documents = [{"source": {"type": "text", "text": "hello"}}]
    body = {"collection": "manuals", "documents": documents, "callbacks": [a_webhook()]}

    assert client.send("POST", f"{JOBS}?dry_run=true", body).status == 200

    refused = client.send("POST", f"{JOBS}?dry_run=true", body | {"callbacks": [a_webhook(url="https://10.0.0.1/")]})
    assert_refused(refused, 0, "url")
    assert vault.sealed == 0


def test_nothing_is_sealed_for_a_job_that_is_there_already(counting: tuple[Client, CountingVault]) -> None:
    client, vault = counting
    key = {"Idempotency-Key": "k"}

    first, again, other = (
        ask(client, a_webhook(secret=secret), {"type": "webhook", "url": HOOK}, headers=key)
        for secret in (SECRET, SECRET, OTHER)
    )

    assert (first.status, again.status, other.status) == (202, 200, 409)
    assert (again.json["id"], again.headers["idempotency-replayed"]) == (first.json["id"], "true")
    assert other.json["code"] == "idempotency_key_reused"
    assert vault.sealed == 2


def test_nothing_is_sealed_for_what_is_refused_anyhow(counting: tuple[Client, CountingVault]) -> None:
    client, vault = counting
    long = {"p": "x" * 17_000}
    uneven = {"chunk_tokens": 100, "overlap_tokens": 60}

    answers = [
        ask(client, a_webhook(), properties=long),
        ask(client, a_webhook(), options=uneven),
        ask(client, a_webhook(), an_amqp(exchange="")),
        client.send("POST", UPLOADS, UPLOAD | {"callbacks": [a_webhook()], "size_bytes": 10**12}),
        client.send("POST", UPLOADS, UPLOAD | {"callbacks": [a_webhook(url="https://10.0.0.1/")]}),
    ]

    assert [answer.status for answer in answers] == [422] * 5
    assert vault.sealed == 0


@pytest.mark.parametrize("documents", [1, 26])
def test_a_secret_in_clear_is_kept_nowhere(documents: int, caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    several = [{"id": f"d{number}", "source": {"type": "text", "text": "hello"}} for number in range(documents)]
    given, hidden = a_webhook(url=f"{HOOK}?token=canary"), {"type": "webhook", "url": HOOK}

    with caplog.at_level(logging.DEBUG):
        answer = ask(client, given, hidden, documents=several, headers={"Idempotency-Key": "k"})
        ask(client, given | {"secret": OTHER}, documents=several, headers={"Idempotency-Key": "k"})  # another body
        ask(client, given, hidden, documents=several, properties={"p": "x" * 17_000})
        client.work()

    engine = client.engine
    assert isinstance(engine.records, MemoryRecords)
    assert isinstance(engine.objects, MemoryObjects)
    assert isinstance(engine.queues, MemoryQueues)
    assert isinstance(engine.bus, MemoryBus)
    lines = [vars(record) for record in caplog.records]
    everything = repr([engine.records.records, engine.objects.buckets, engine.queues.sent, engine.bus.published, lines])
    made = answer.json["callbacks"][1]["secret"]
    assert not [secret for secret in (SECRET, OTHER, made) if secret.removeprefix("whsec_") in everything]
    assert "token=canary" not in repr([engine.objects.buckets, engine.queues.sent, engine.bus.published, lines])
