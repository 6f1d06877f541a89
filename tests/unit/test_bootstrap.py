"""Each function is given the ports that it needs, and touching any other says so."""

from collections.abc import Callable, Iterator
from dataclasses import fields

import pytest

from forebay.bootstrap import core, delivering, fetching, indexed, sealing
from forebay.bootstrap.core import NotGiven
from forebay.domain.delivery import BrokerMessage
from forebay.service.engine import Engine
from tests.aws import aws, client
from tests.unit.test_config import NEEDED
from tests.web_server import free_port

__all__ = ["aws"]

CORE = {"records", "objects", "queues", "bus"}
NO_PORTS = {"now", "new_id", "remaining_seconds", "sleep", "policy"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = (
        core.settings, core.core_engine, sealing.sealing_engine, delivering.delivering_engine,
        fetching.fetching_engine, indexed.index, indexed.control_engine,
    )  # fmt: skip
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    for each in made:
        each.cache_clear()
    yield
    for each in made:
        each.cache_clear()


def is_given(engine: Engine, port: str) -> bool:
    try:
        getattr(getattr(engine, port), "anything", None)
    except NotGiven:
        return False
    return True


@pytest.mark.parametrize(
    ("build", "ports"),
    [
        (core.core_engine, CORE),
        (sealing.sealing_engine, CORE | {"vault"}),
        (delivering.delivering_engine, CORE - {"bus"} | {"webhooks", "broker", "vault"}),
        (fetching.fetching_engine, {"objects", "queues", "fetcher"}),
        (indexed.control_engine, CORE | {"index"}),
    ],
    ids=["core", "sealing", "delivering", "fetching", "control"],
)
def test_a_function_has_the_ports_that_it_needs_and_no_others(build: Callable[[], Engine], ports: set[str]) -> None:
    engine = build()

    every = {field.name for field in fields(engine)} - NO_PORTS
    assert {port for port in every if is_given(engine, port)} == ports


def test_where_webhooks_may_go_is_the_operators_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}/nobody"

    public = delivering.delivering_engine().webhooks.post(url, {}, b"{}")
    core.settings.cache_clear()
    delivering.delivering_engine.cache_clear()
    monkeypatch.setenv("FOREBAY_ALLOW_PRIVATE_CALLBACKS", "1")
    private = delivering.delivering_engine().webhooks.post(url, {}, b"{}")

    assert (public.error, private.error) == ("webhook_forbidden", "webhook_unreachable")


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(("private", "code"), [("", "broker_not_configured"), ("1", "broker_unreachable")])
def test_only_a_laptop_reaches_its_broker_in_clear_text(
    monkeypatch: pytest.MonkeyPatch, private: str, code: str
) -> None:
    url = f"amqp://127.0.0.1:{free_port()}/"
    client("ssm").put_parameter(Name="/forebay/broker", Value=url, Type="SecureString", Overwrite=True)
    monkeypatch.setenv("FOREBAY_BROKER_URL_PARAMETER", "/forebay/broker")
    monkeypatch.setenv("FOREBAY_ALLOW_PRIVATE_CALLBACKS", private)

    reply = delivering.delivering_engine().broker.publish(BrokerMessage("events", "done", b"{}", "evt_1"))

    assert reply.error == code
