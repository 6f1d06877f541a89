"""The OpenAPI document as the tests read it: what can be asked, with what, and what may come back."""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode

import jsonschema

from forebay.dialects import DIALECTS
from tests.http_client import Answer, Client

Schema = Mapping[str, Any]
_REFERENCE: Final = "#/components/schemas/"


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    dialect: str
    method: str
    path: str  # parameters as {name}
    parameters: Sequence[Mapping[str, Any]]
    bodies: Mapping[str, Schema]  # by media type; none where no body is taken
    responses: Mapping[int, Mapping[str, Schema]]  # by status, then media type
    needs_key: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def named(self, where: str) -> list[Mapping[str, Any]]:
        """Its parameters in the path, the query or the headers."""
        return [each for each in self.parameters if each["in"] == where]

    @property
    def needed(self) -> list[str]:
        """The names of the parameters without which it cannot be asked."""
        return [each["name"] for each in self.parameters if each["in"] == "path" or each.get("required")]

    def url(self, values: Mapping[str, str], query: Mapping[str, str] | None = None) -> str:
        """With these values in the path, and either a query or those values that belong there."""
        encoded = {name: quote(value, safe="~") for name, value in values.items()}
        if query is None:
            query = {each["name"]: values[each["name"]] for each in self.named("query") if each["name"] in values}
        return self.path.format_map(encoded) + ("?" + urlencode(query) if query else "")

    @property
    def reads(self) -> bool:
        """Does it change nothing?"""
        return self.method == "GET"


class Document:
    """The whole document."""

    def __init__(self) -> None:
        found: Mapping[str, Any] = Client().send("GET", "/openapi.json").json
        self.schemas: Mapping[str, Schema] = found["components"]["schemas"]
        self.operations = list(_operations(found))
        self._validator = functools.cache(self._validator_of)
        self._problem = functools.lru_cache(2_000)(self._problem_of)  # many answers are the same

    def resolved(self, schema: Schema) -> Schema:
        """The schema behind a reference."""
        while "$ref" in schema:
            schema = self.schemas[schema["$ref"].removeprefix(_REFERENCE)]
        return schema

    def examples(self, schema: Schema) -> list[Any]:
        """Values that the document gives for it."""
        schema = self.resolved(schema)
        parts = [part for some in ("anyOf", "oneOf") for part in schema.get(some, ())]
        return [*schema.get("examples", ()), *(example for part in parts for example in self.examples(part))]

    def examples_of(self, operation: Operation) -> list[Any]:
        """Bodies that the document gives for the operation."""
        return [example for schema in operation.bodies.values() for example in self.examples(schema)]

    def check(self, operation: Operation, answer: Answer) -> None:
        """Is the answer one that the document promises?"""
        assert answer.status < 500 or answer.headers.get("retry-after"), f"{answer.status}: {answer.text}"
        promised = operation.responses.get(answer.status)
        assert promised is not None, f"{answer.status} is not documented"
        if not promised:
            assert answer.text == "", f"{answer.status} is documented to have no body"
            return
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in promised, f"{answer.status} {media_type} is not documented"
        if media_type.endswith("json"):
            schema = json.dumps(promised[media_type], sort_keys=True)
            problem = self._problem(schema, answer.text)
            assert problem == "", f"{answer.status}: {problem}"

    def _validator_of(self, schema: str) -> jsonschema.Draft202012Validator:
        return jsonschema.Draft202012Validator({"components": {"schemas": self.schemas}, **json.loads(schema)})

    def _problem_of(self, schema: str, text: str) -> str:
        """What does not fit, or nothing."""
        found = jsonschema.exceptions.best_match(self._validator(schema).iter_errors(Answer(200, {}, text).json))
        return f"{found.message} at {found.json_path}" if found else ""


def _operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    owners = {(e.method, _template(e.path)): dialect.name for dialect in DIALECTS for e in dialect.endpoints}
    for path, methods in document["paths"].items():
        for method, each in methods.items():
            yield Operation(
                dialect=owners.get((method.upper(), path), DIALECTS[0].name),
                method=method.upper(),
                path=path,
                parameters=each.get("parameters", ()),
                bodies=_schemas(each.get("requestBody", {})),
                responses={int(status): _schemas(response) for status, response in each["responses"].items()},
                needs_key=bool(each["security"]),
            )


def _template(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")


def _schemas(carrier: Mapping[str, Any]) -> dict[str, Schema]:
    return {media_type: content["schema"] for media_type, content in carrier.get("content", {}).items()}
