"""Whatever is sent to whichever API, the answer is one that the OpenAPI document promises, and never a 5xx.

The operations, their schemas and their examples come from the document itself, so a new dialect is held to it, too.
The same requests are drawn in every run, REQUESTS to each operation, by SEED; a failure tells its seed and number.
"""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.any_request import Requests, sendable
from tests.explored_system import ExploredSystem
from tests.http_client import gateway_event
from tests.openapi import Document, Operation

DOCUMENT = Document()
SEED = os.environ.get("FOREBAY_SEED", "1")
REQUESTS = int(os.environ.get("FOREBAY_REQUESTS", "60"))
VIEWS = 5


@contextmanager
def said(what: str) -> Iterator[None]:
    """Tell what was done when it ends in a failure."""
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{what[:5_000]}\n{error}") from error


@pytest.fixture(scope="module")
def system() -> ExploredSystem:
    return ExploredSystem(DOCUMENT)


def test_the_examples_of_the_document_work(system: ExploredSystem) -> None:
    idle = {str(operation) for operation in DOCUMENT.operations if not system.bindings(operation)}

    # Its example has the id of the other one's, which is a conflict.
    assert idle <= {"POST /embeddings/upsertion-tasks/categories/run"}


@pytest.mark.parametrize("operation", DOCUMENT.operations, ids=str)
def test_every_answer_is_one_that_is_documented(operation: Operation, system: ExploredSystem) -> None:
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


def test_no_path_and_no_method_gives_a_5xx(system: ExploredSystem) -> None:
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
