"""A system in which every operation of the OpenAPI document has found something to do: the ids are known that exist."""

import itertools
import pickle
from collections.abc import Iterator, Mapping
from typing import Any, Final

from forebay.service.engine import Limits, Policy
from tests.any_request import FORM, Known, form_of
from tests.engines import TENANT
from tests.http_client import Answer, Client, engine_on_fakes
from tests.openapi import Document, Operation

COMBINATIONS_MOST: Final = 200
POLICY: Final = Policy(
    anonymous_tenant=TENANT,
    allowed_buckets=frozenset({"*:open-bucket"}),
    allowed_exchanges=frozenset({"*:*"}),
    limits=Limits(requests_per_minute=10**9),
)
PORTS: Final = ("records", "objects", "queues", "bus", "index")


class ExploredSystem:
    """A system that was sent the examples of all operations, and that goes back to this whenever it is told to."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self.client = Client(engine_on_fakes(POLICY))
        self.known = Known()
        self._told: dict[str, Known] = {}  # by path
        for _ in range(3):  # the second time a job is found, the third time what was told of it
            for operation in self._document.operations:
                if operation.method != "DELETE":
                    self._try(operation)
            self.client.work()
        self._kept = pickle.dumps(self._state())  # ten times as fast as copying
        self._heard = self.client.driver.heard

    def _state(self) -> list[dict[str, Any]]:
        engine = self.client.engine
        return [vars(getattr(engine, port)) for port in PORTS] + [vars(engine.now)]

    def reset(self) -> None:
        """Be as at the beginning."""
        for state, kept in zip(self._state(), pickle.loads(self._kept), strict=True):
            state.clear()
            state.update(kept)
        self.client.driver.heard = self._heard

    def _try(self, operation: Operation) -> None:
        """Send the operation's examples with all that is known for its parameters, and remember what was found."""
        combinations = itertools.product(*(self._candidates(operation, name) for name in operation.needed))
        for combination in itertools.islice(combinations, COMBINATIONS_MOST):
            values = dict(zip(operation.needed, combination, strict=True))
            for body in self._document.examples_of(operation) or [None]:
                self.known.learn(body)
                sent = form_of(body) if FORM in operation.bodies else body
                answer = self.client.send(operation.method, operation.url(values), sent)
                if answer.status < 300:
                    self._remember(operation, values, answer)

    def _candidates(self, operation: Operation, name: str) -> list[str]:
        """What the parameter can mean: first what the path before it has told of."""
        before = operation.path.partition(f"/{{{name}}}")[0]
        told = self._told[before].called(name) if before in self._told else []
        return list(dict.fromkeys([*told[:5], *self.known.called(name)]))

    def _remember(self, operation: Operation, values: Mapping[str, str], answer: Answer) -> None:
        if answer.headers["content-type"].endswith("json") and "openapi" not in operation.path:
            self.known.learn(answer.json)
            self._told.setdefault(operation.path, Known()).learn(answer.json)
        for name, value in values.items():
            self.known.learn(value, name)
        for other in self._document.operations:
            if other.path.startswith(operation.path):
                self.known.find(str(other), {name: value for name, value in values.items() if name in other.needed})

    def bindings(self, operation: Operation) -> list[Mapping[str, str]]:
        """Parameters with which the operation finds something."""
        found = self.known.found.get(str(operation), [])
        return [values for values in found if values.keys() == set(operation.needed)]

    def views(self, dialect: str, answer: Answer) -> Iterator[tuple[Operation, str]]:
        """What shows the things there are, and those that the answer tells of: of the dialect, and natively."""
        told = Known()
        told.learn(answer.json if answer.text else None)
        for operation in self._document.operations:
            if operation.method == "GET" and operation.needs_key and operation.dialect in {dialect, "native"}:
                for values in self.bindings(operation)[:2]:
                    yield operation, operation.url(values)
                if all(told.called(name) for name in operation.needed):
                    yield operation, operation.url({name: told.called(name)[0] for name in operation.needed})
