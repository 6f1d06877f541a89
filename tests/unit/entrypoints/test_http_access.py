"""Who may ask what, in which way, and how much at once: the same for every endpoint of every API, in its own words."""

from collections.abc import Mapping
from typing import Any

import pytest

from forebay.dialects import DIALECTS
from forebay.dialects.dialect import Dialect, Endpoint
from forebay.domain.document import TenantId
from forebay.entrypoints.http_requests import BODY_BYTES_MOST
from forebay.service.authenticate import create_key
from forebay.service.engine import Policy
from tests.any_request import FORM, form_of
from tests.engines import TENANT
from tests.explored_system import ExploredSystem
from tests.http_client import Answer, Client, Form, engine_on_fakes
from tests.openapi import Document, Operation

DOCUMENT = Document()
OWNED = [(endpoint, dialect) for dialect in DIALECTS for endpoint in dialect.endpoints]
GUARDED = [(endpoint, dialect) for endpoint, dialect in OWNED if endpoint.scope is not None]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
WRONG = "fb_0123456789abcdef_" + "A" * 43
OTHER = TenantId("other")


def name_of(value: Any) -> str | None:
    return f"{value.method} {value.path}" if isinstance(value, Endpoint) else None


def every(owned: list[tuple[Endpoint, Dialect]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("endpoint", "dialect"), owned, ids=lambda v: name_of(v) or v.name)


def url_of(endpoint: Endpoint) -> str:
    """Some URL of the endpoint; its query is never looked at by these tests."""
    return endpoint.path.replace("<", "a").replace(">", "z")


def assert_refused(answer: Answer, status: int, dialect: Dialect) -> None:
    """Refused with this status, in the dialect's shape."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == dialect.error_media_type
    dialect.error_body.model_validate_json(answer.text)


@every(GUARDED)
def test_without_a_key_it_is_401_with_a_challenge(endpoint: Endpoint, dialect: Dialect) -> None:
    answer = Client(engine_on_fakes(Policy())).send(endpoint.method, url_of(endpoint))

    assert_refused(answer, 401, dialect)
    assert answer.headers["www-authenticate"]


@every(GUARDED)
def test_a_key_without_the_scope_is_403(endpoint: Endpoint, dialect: Dialect) -> None:
    client = Client()
    key = create_key(client.engine, TENANT, {"read", "write", "delete"} - {str(endpoint.scope)})

    assert_refused(client.send(endpoint.method, url_of(endpoint), headers=bearer(key)), 403, dialect)


@every(GUARDED)
@pytest.mark.parametrize(
    "headers",
    [{"Authorization": f"Bearer {WRONG}"}, {"Authorization": "Basic YTpi"}, {"x-api-key": "no key"}],
    ids=["bearer", "basic", "x-api-key"],
)
def test_a_wrong_key_is_401_also_where_no_key_is_needed(
    endpoint: Endpoint, dialect: Dialect, headers: Mapping[str, str]
) -> None:
    answer = Client().send(endpoint.method, url_of(endpoint), headers=headers)

    assert_refused(answer, 401, dialect)
    assert answer.headers["www-authenticate"]


@every([(endpoint, dialect) for endpoint, dialect in OWNED if endpoint.scope is None])
def test_what_needs_no_key_asks_for_none(endpoint: Endpoint, dialect: Dialect) -> None:
    assert Client(engine_on_fakes(Policy())).send(endpoint.method, url_of(endpoint)).status == 200


@every(OWNED)
def test_other_methods_are_405_and_told_which_are_allowed(endpoint: Endpoint, dialect: Dialect) -> None:
    here = {other.method for other, _ in OWNED if other.pattern.fullmatch(url_of(endpoint))}
    allowed = here | ({"HEAD"} if "GET" in here else set())

    for method in set(METHODS) - allowed:
        answer = Client().send(method, url_of(endpoint))
        assert answer.status == 405
        assert set(answer.headers["allow"].split(", ")) == allowed
        if method != "HEAD":
            assert_refused(answer, 405, dialect)


@every([(endpoint, dialect) for endpoint, dialect in OWNED if endpoint.takes_body])
def test_a_body_over_the_limit_is_413_and_told_where_to_upload(endpoint: Endpoint, dialect: Dialect) -> None:
    large = b"x" * BODY_BYTES_MOST
    body = Form([{"name": "file", "file": "a", "content": large}]) if endpoint.body_type == FORM else b'"' + large

    answer = Client().send(endpoint.method, url_of(endpoint), body)

    assert_refused(answer, 413, dialect)
    assert "/forebay/v1/uploads" in answer.text


# -- tenants -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def system() -> ExploredSystem:
    return ExploredSystem(DOCUMENT)


READS = [operation for operation in DOCUMENT.operations if operation.method == "GET" and operation.needs_key]
WRITES = [operation for operation in DOCUMENT.operations if operation.method != "GET" and operation.needs_key]


@pytest.mark.parametrize("operation", READS, ids=str)
def test_another_tenant_sees_what_it_would_see_in_an_empty_system(operation: Operation, system: ExploredSystem) -> None:
    system.reset()
    empty = Client(engine_on_fakes(Policy()))
    here, there = (bearer(create_key(client.engine, OTHER, {"admin"})) for client in (system.client, empty))

    for values in system.bindings(operation):
        url = operation.url(values)
        found, nothing = system.client.send("GET", url, headers=here), empty.send("GET", url, headers=there)
        assert (found.status, found.text) == (nothing.status, nothing.text), url


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_another_tenant_changes_nothing(operation: Operation, system: ExploredSystem) -> None:
    system.reset()
    key = bearer(create_key(system.client.engine, OTHER, {"admin"}))
    before = everything(system)

    for values in system.bindings(operation):
        for body in DOCUMENT.examples_of(operation) or [None]:
            sent = form_of(body) if FORM in operation.bodies else body
            system.client.send(operation.method, operation.url(values), sent, headers=key)
    system.client.work()

    assert everything(system) == before


def everything(system: ExploredSystem) -> dict[str, str]:
    """All that the first tenant can see."""
    urls = [operation.url(values) for operation in READS for values in system.bindings(operation)]
    return {url: system.client.send("GET", url).text for url in urls}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
