"""Any request that an operation may get: right, nearly right, and wild; drawn from the operation's schemas, from the
document's examples and from ids that are known to exist.

A generator of our own: hypothesis-jsonschema 0.23.1 does not work with today's Hypothesis, schemathesis 4.32 takes
55 ms for a body of POST /jobs, and neither knows which ids exist.
"""

import json
import random
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.http_client import Answer, Client, Form
from tests.openapi import Document, Operation, Schema

FORM: Final = "multipart/form-data"
STRINGS: Final = (
    "", " ", "\0", "\ud800", "\ufeff", "\u2028", "🐋", "é", "a", "0", "-1", "1e999", "null", "true", "{}", "[]", "%00",
    "%ff", "%2F", "..", "../..", "/", "\\", "'", '"', "<b>", "${x}", "a\r\nb: c", "x" * 300, "x" * 20_000, "text",
    "2026-11-22T10:00:00Z", "9999-99-99", "s3://open-bucket/key", "https://example.org/a.pdf", "aGVsbG8=",
    "application/pdf", "a,b",
)  # fmt: skip
NUMBERS: Final = (0, 1, -1, 0.5, -0.0, 100, 1_000, 2**31, 2**63, -(2**63) - 1, 10**30, 10**50, 1e308, 5e-324)
# JSON, or nearly, that json.dumps does not write; under the text that stands for it.
TOKENS: Final = {
    f"token {number}": token
    for number, token in enumerate(
        ["1e999", "NaN", "-Infinity", "9" * 5_000, "[" * 3_000 + "]" * 3_000, "[" * 200 + "]" * 200, '"\\ud800"', "00",
         "'x'", '{"a": 1, "a": 2}', '"\t"', ""]
    )
}  # fmt: skip
ALPHABETS: Final = (
    string.ascii_lowercase,
    string.printable,
    "aé漢字🐋\u0301\u202e",
    "".join(map(chr, range(160))),
    '{}[]",:\\u0d8e1-. \n\0\ufeff',
)
HEADERS: Final = ("accept", "content-type", "content-encoding", "idempotency-key", "x-request-id", "cookie", "expect")


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    url: str
    body: Any = None  # str and bytes go as they are
    headers: Mapping[str, str] = field(default_factory=dict)

    def sent(self, client: Client) -> Answer:
        """What comes back."""
        return client.send(self.method, self.url, self.body, self.headers)


@dataclass
class Known:
    """Strings that mean something to the system, by the member that carried them; and parameters that were found."""

    words: dict[str, dict[str, None]] = field(default_factory=dict)
    found: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)  # by operation

    def learn(self, value: Any, name: str = "") -> None:
        """Remember what a body or an answer says."""
        if isinstance(value, Mapping):
            for member, inner in value.items():
                self.learn(inner, member)
        elif isinstance(value, list):
            for inner in value[:20]:
                self.learn(inner, name)
        elif isinstance(value, str) and 0 < len(value) <= 100:
            self.words.setdefault(_stem(name), {})[value] = None

    def find(self, operation: str, values: Mapping[str, str]) -> None:
        """Remember parameters of an operation, unless more of them are known already."""
        found = self.found.setdefault(operation, [])
        if found and len(found[0]) < len(values):
            found.clear()
        if values not in found and (not found or len(found[0]) == len(values)):
            found.append(values)

    def called(self, name: str) -> list[str]:
        """What is known by such a name, the best first."""
        stems = (_stem(name), "id", "key", "name")
        return list({word: None for stem in stems for word in list(self.words.get(stem, ()))[-10:]})


def _stem(name: str) -> str:
    """`file_ids`, `file_id` and `file` name one thing."""
    stem = name.lower().removesuffix("s").removesuffix("_id").removesuffix("_name")
    return stem or name


class Requests:
    """Draws requests."""

    def __init__(self, document: Document, known: Known, dice: random.Random) -> None:
        self._document = document
        self._known = known
        self._dice = dice

    def to(self, operation: Operation) -> Request:
        """Any request to the operation."""
        found = self._dice.choice(self._known.found.get(str(operation)) or [{}])
        path = {each["name"]: self._segment(each["name"], found) for each in operation.named("path")}
        query = self._query(operation, found)
        headers = {each["name"]: self._parameter(each) for each in operation.named("header") if self._chance(0.5)}
        if self._chance(0.1):
            headers[self._dice.choice(HEADERS)] = self._dice.choice(["application/json", "text/plain", self.text()])
        sent = {name: value for name, value in headers.items() if value.isprintable()}
        return Request(operation.method, operation.url(path, query), self._body(operation), sent)

    def _chance(self, share: float) -> bool:
        return self._dice.random() < share

    # -- in the URL ----------------------------------------------------------------------------------------------------

    def _segment(self, name: str, found: Mapping[str, str]) -> str:
        if name in found and self._chance(0.7):
            return found[name]
        word = self._dice.choice(self._known.called(name) or ["a"]) if self._chance(0.4) else self.text()
        return sendable(word).replace("/", "") or "a"

    def _query(self, operation: Operation, found: Mapping[str, str]) -> dict[str, str]:
        query: dict[str, str] = {}
        for each in operation.named("query"):
            if self._chance(0.95 if each.get("required") else 0.4):
                name = each["name"]
                query[name] = found[name] if name in found and self._chance(0.7) else self._parameter(each)
        if self._chance(0.1):
            query[sendable(self.text())] = sendable(self.text())
        return query

    def _parameter(self, parameter: Schema) -> str:
        value = self.fitting(parameter["schema"], parameter["name"]) if self._chance(0.7) else self.text()
        return sendable(value if isinstance(value, str) else json.dumps(value))

    # -- the body ------------------------------------------------------------------------------------------------------

    def _body(self, operation: Operation) -> Any:
        if not operation.bodies:
            return None
        if self._chance(0.05):
            return self._dice.choice([None, "", self.text(), self._dice.randbytes(20), Form([])])
        media_type, schema = next(iter(operation.bodies.items()))
        examples = self._document.examples(schema)
        value = self._dice.choice(examples) if examples and self._chance(0.5) else self.fitting(schema)
        for _ in range(self._dice.choice([0, 0, 1, 1, 2, 3])):
            value = self._changed(value)
        if media_type != FORM:
            return self.wild_json() if self._chance(0.05) else _dumped(value)
        return form_of(value, self._dice.choice([b"some words", b"", b"\xff\xfe", b"%PDF-1.4", b"{}"]))

    def wild_json(self) -> str:
        """Some JSON, or nearly."""
        return _dumped(self.wild()) if self._chance(0.5) else "".join(self._dice.choices(ALPHABETS[-1], k=12))

    def wild(self, depth: int = 2) -> Any:
        """Any value."""
        if depth and self._chance(0.3):
            members = [self.wild(depth - 1) for _ in range(self._dice.randrange(4))]
            return members if self._chance(0.5) else {self.text(): member for member in members}
        constants = (None, True, False, *NUMBERS, *STRINGS, *TOKENS)
        return self._dice.choice(constants) if self._chance(0.7) else self.text()

    def text(self) -> str:
        """Any text."""
        if self._chance(0.4):
            return self._dice.choice(STRINGS)
        return "".join(self._dice.choices(self._dice.choice(ALPHABETS), k=self._dice.randrange(12)))

    # -- by its schema -------------------------------------------------------------------------------------------------

    def fitting(self, schema: Schema, name: str = "", depth: int = 8) -> Any:
        """A value that fits a schema (all but some patterns)."""
        schema = self._document.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._dice.choice(schema["enum"])
        if some := schema.get("anyOf") or schema.get("oneOf"):
            return self.fitting(self._dice.choice(some), name, depth)
        draw = _BY_TYPE.get(schema.get("type", ""))
        return draw(self, schema, name, depth) if draw and depth else self.wild()

    def _string(self, schema: Schema, name: str, _: int) -> str:
        least, most = schema.get("minLength", 0), schema.get("maxLength", 100_000)
        pattern = re.compile(schema.get("pattern", ""))
        fits = [
            word
            for word in (*self._known.called(name), *schema.get("examples", ()), *STRINGS, self.text(), "x" * least)
            if least <= len(word) <= most and pattern.search(word)
        ]
        return str(self._dice.choice(fits or ["a"]))

    def _number(self, schema: Schema, name: str, _: int) -> float:
        least, most = schema.get("minimum", -(10**9)), schema.get("maximum", 10**9)
        number = self._dice.choice([least, most, self._dice.uniform(least, most)])
        return int(number) if schema["type"] == "integer" else number

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        count = self._dice.randint(least, min(schema.get("maxItems", least + 3), least + 3))
        return [self.fitting(schema.get("items", {}), name, depth - 1) for _ in range(count)]

    def _object(self, schema: Schema, _: str, depth: int) -> dict[str, Any]:
        members: Mapping[str, Schema] = schema.get("properties", {})
        share = self._dice.choice([0.0, 0.3, 0.7])
        value = {
            name: self.fitting(each, name, depth - 1)
            for name, each in members.items()
            if name in schema.get("required", ()) or self._chance(share)
        }
        more = schema.get("additionalProperties", {})
        if more is not False and (not members or self._chance(0.1)):
            inner = more if isinstance(more, Mapping) else {}
            value |= {self.text(): self.fitting(inner, "", depth - 1) for _ in range(self._dice.randrange(3))}
        return value

    # -- nearly right --------------------------------------------------------------------------------------------------

    def _changed(self, value: Any) -> Any:
        """The value with one change somewhere; JSON within a string is changed inside."""
        if isinstance(value, str) and value.startswith("{") and self._chance(0.8):
            return _dumped(self._changed(_parsed(value)))
        if not isinstance(value, dict | list) or not value or self._chance(0.15):
            return self._altered(value)
        step = self._dice.choice(list(value) if isinstance(value, dict) else range(len(value)))
        steps = dict(value.items() if isinstance(value, dict) else enumerate(value))
        if self._chance(0.2):
            del steps[step]
        elif isinstance(value, list) and self._chance(0.2):
            steps[len(value)] = steps[step]
        else:
            steps[step] = self._changed(steps[step])
        return steps if isinstance(value, dict) else list(steps.values())

    def _altered(self, value: Any) -> Any:
        if isinstance(value, dict) and self._chance(0.7):
            return {**value, self.text(): self.wild()}
        return [*value, self.wild()] if isinstance(value, list) and self._chance(0.7) else self.wild()


_BY_TYPE: Final[Mapping[str, Callable[[Requests, Schema, str, int], Any]]] = {
    "string": Requests._string,
    "integer": Requests._number,
    "number": Requests._number,
    "array": Requests._array,
    "object": Requests._object,
    "boolean": lambda requests, *_: requests._chance(0.5),
    "null": lambda *_: None,
}


def sendable(text: str) -> str:
    """The text as far as a URL can carry it."""
    return text.encode("utf-8", "replace").decode()


def _dumped(value: Any) -> str:
    text = json.dumps(value)
    return re.sub(r'"(token \d+)"', lambda found: TOKENS[found[1]], text)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return {}


def form_of(value: Any, content: bytes = b"some words") -> Form:
    """A form of these members: a list is files of these names, anything else a text field."""
    parts: list[dict[str, Any]] = []
    for name, member in value.items() if isinstance(value, Mapping) else [("data", value)]:
        if isinstance(member, list):
            parts += [{"name": _quoted(name), "file": _quoted(each), "content": content} for each in member]
        else:
            parts.append(
                {"name": _quoted(name), "text": sendable(member if isinstance(member, str) else _dumped(member))}
            )
    return Form(parts)


def _quoted(value: Any) -> str:
    text = sendable(value if isinstance(value, str) else _dumped(value))
    return re.sub('["\r\n]', "_", text)[:200]
