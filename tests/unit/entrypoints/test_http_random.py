"""Whatever is sent to whichever API, the answer is one that the OpenAPI document promises, and never a 5xx.

The operations, their schemas and their examples come from the document itself, so a new dialect is held to it, too.
The same requests are drawn in every run, REQUESTS to each operation, by SEED; a failure tells its seed and number.
"""

import copy
import itertools
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from tests.any_request import FORM, Known, Requests, form_of, sendable
from tests.http_client import Answer, Client, engine_on_fakes, gateway_event
from tests.openapi import Document, Operation

DOCUMENT = Document()
SEED = os.environ.get("FOREBAY_SEED", "1")
REQUESTS = int(os.environ.get("FOREBAY_REQUESTS", "60"))
VIEWS = 5
COMBINATIONS_MOST = 200
PORTS = ("records", "objects", "queues", "bus", "index")


class System:
    """A system that was sent the examples of all operations, and that goes back to this whenever it is told to."""

    def __init__(self) -> None:
        self.client = Client(engine_on_fakes())
        self.known = Known()
        for _ in range(2):  # what needs what another operation makes succeeds the second time
            for operation in DOCUMENT.operations:
                if operation.method != "DELETE":
                    self._try(operation)
            self.client.work()
        self._kept = copy.deepcopy(self._state())

    def _state(self) -> list[dict[str, Any]]:
        engine = self.client.engine
        return [vars(getattr(engine, port)) for port in PORTS] + [vars(engine.now)]

    def reset(self) -> None:
        """Be as at the beginning."""
        for state, kept in zip(self._state(), copy.deepcopy(self._kept), strict=True):
            state.clear()
            state.update(kept)

    def _try(self, operation: Operation) -> None:
        """Send the operation's examples with all that is known for its parameters, and remember what was found."""
        combinations = itertools.product(*(self.known.called(name) for name in operation.needed))
        for combination in itertools.islice(combinations, COMBINATIONS_MOST):
            values = dict(zip(operation.needed, combination, strict=True))
            for body in DOCUMENT.examples_of(operation) or [None]:
                self.known.learn(body)
                sent = form_of(body) if FORM in operation.bodies else body
                answer = self.client.send(operation.method, operation.url(values), sent)
                if answer.status < 300:
                    self._remember(operation, values, answer)

    def _remember(self, operation: Operation, values: Mapping[str, str], answer: Answer) -> None:
        if answer.headers["content-type"].endswith("json") and "openapi" not in operation.path:
            self.known.learn(answer.json)
        for other in DOCUMENT.operations:
            if other.path.startswith(operation.path):
                self.known.find(str(other), {name: value for name, value in values.items() if name in other.needed})

    def views(self, dialect: str, answer: Answer) -> Iterator[tuple[Operation, str]]:
        """What shows the things there are, and those that the answer tells of: of the dialect, and natively."""
        told = Known()
        told.learn(answer.json if answer.text else None)
        for operation in DOCUMENT.operations:
            if operation.method == "GET" and operation.needs_key and operation.dialect in {dialect, "native"}:
                for values in self.known.found.get(str(operation), [])[:2]:
                    yield operation, operation.url(values)
                if all(told.called(name) for name in operation.needed):
                    yield operation, operation.url({name: told.called(name)[0] for name in operation.needed})


@contextmanager
def said(what: str) -> Iterator[None]:
    """Tell what was done when it ends in a failure."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what[:5_000]}\n{error}") from error


@pytest.fixture(scope="module")
def system() -> System:
    return System()


@pytest.mark.parametrize("operation", DOCUMENT.operations, ids=str)
def test_every_answer_is_one_that_is_documented(operation: Operation, system: System) -> None:
    for number in range(REQUESTS):
        dice = random.Random(f"{SEED} {number}")
        request = Requests(DOCUMENT, system.known, dice).to(operation)
        system.reset()
        with said(f"seed {SEED}, number {number}: {request}"):
            answer = request.sent(system.client)
            DOCUMENT.check(operation, answer)

        if operation.method != "GET" and answer.status < 300:
            with said(f"seed {SEED}, number {number}: {request}, then the work that is to be done"):
                system.client.work()
            views = list(system.views(operation.dialect, answer))
            for view, url in dice.sample(views, k=min(VIEWS, len(views))):
                with said(f"seed {SEED}, number {number}: {request}, then GET {url}"):
                    DOCUMENT.check(view, system.client.send("GET", url))


def test_no_path_and_no_method_gives_a_5xx(system: System) -> None:
    paths = sorted({operation.path for operation in DOCUMENT.operations})
    for number in range(REQUESTS * 3):
        dice = random.Random(f"{SEED} {number}")
        requests = Requests(DOCUMENT, system.known, dice)
        method = dice.choice(
            ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", requests.text()]
        )
        kept = dice.choice(paths).split("/")[: dice.randrange(7)]
        path = sendable("/".join(kept + [requests.text() for _ in range(dice.randrange(3))]))
        system.reset()
        with said(f"seed {SEED}, number {number}: {method!r} {path!r}"):
            assert system.client.send_event(gateway_event(method, "/") | {"rawPath": path}).status < 500
