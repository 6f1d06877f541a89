"""Requests to the HTTP functions as the gateway sends them, over an engine on fakes; for unit and conformance tests."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aws_lambda_powertools.utilities.typing import LambdaContext

from forebay.adapters.memory import MemoryQueues
from forebay.dialects.dialect import Function
from forebay.domain.commands import Command, DeliverEvent
from forebay.entrypoints.http import http_handler
from forebay.service.engine import Engine, Policy
from tests.engines import TENANT, Clock, Driver, memory_engine

SEARCH_PATH = "/forebay/v1/search"


class Context(LambdaContext):
    """Lambda's context, as far as the functions look at it."""

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 25_000


USUAL = Policy(
    anonymous_tenant=TENANT, allowed_buckets=frozenset({"*:open-bucket"}), allowed_exchanges=frozenset({"*:*"})
)


def engine_on_fakes(policy: Policy | None = None) -> Engine:
    """An engine in memory; requests without credentials act as the tenant `acme` unless `policy` differs."""
    return memory_engine(policy=policy or USUAL)


BOUNDARY = "----a boundary 7MA4".replace(" ", "-")


@dataclass(frozen=True)
class Form:
    """A multipart/form-data body: parts of `name` and either `text`, `json`, or `file` with `content` and `type`."""

    parts: Sequence[Mapping[str, Any]]

    def encoded(self) -> bytes:
        """As a browser or curl sends it."""
        return b"".join(self._part(part) for part in self.parts) + f"--{BOUNDARY}--\r\n".encode()

    @staticmethod
    def _part(part: Mapping[str, Any]) -> bytes:
        file = f'; filename="{part["file"]}"' if "file" in part else ""
        media_type = part.get("type", "application/octet-stream") if "file" in part else "text/plain"
        text = json.dumps(part["json"]) if "json" in part else part.get("text", part.get("content", ""))
        head = f'Content-Disposition: form-data; name="{part["name"]}"{file}\r\nContent-Type: {media_type}'
        content = text if isinstance(text, bytes) else text.encode()
        return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + content + b"\r\n"


@dataclass(frozen=True)
class Answer:
    """What the function gave back to the gateway."""

    status: int
    headers: Mapping[str, str]  # names in lower case
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text, parse_constant=_no_json)


def _no_json(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


class Client:
    """A caller of both functions, routed as the gateway routes."""

    def __init__(self, engine: Engine | None = None) -> None:
        engine = engine or engine_on_fakes()
        self.engine = replace(engine, sleep=self._work_on)
        self.driver = Driver(self.engine)
        self._functions = {function: http_handler(function, lambda: self.engine) for function in Function}

    def send(
        self,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        function: Function | None = None,
    ) -> Answer:
        """Send a request: a `Form` as multipart/form-data, `str` and `bytes` as they are, anything else as JSON."""
        event = gateway_event(method, url, body, headers)
        routed = Function.SEARCH if (method, event["rawPath"]) == ("POST", SEARCH_PATH) else Function.API
        return self.send_event(event, function or routed)

    def send_event(self, event: Mapping[str, Any], function: Function = Function.API) -> Answer:
        """Hand an event to a function."""
        answer = self._functions[function](event, Context())
        assert answer["isBase64Encoded"] is False
        headers = answer["headers"]
        assert isinstance(headers, Mapping)
        status = answer["statusCode"]
        assert isinstance(status, int)
        json.dumps(answer, ensure_ascii=False).encode()  # as the runtime does it
        return Answer(status, {name.lower(): value for name, value in headers.items()}, str(answer["body"]))

    @property
    def waiting(self) -> list[Command]:
        """The messages that wait, the oldest first."""
        assert isinstance(self.engine.queues, MemoryQueues)
        return self.engine.queues.sent

    def step(self) -> bool:
        """Do what the oldest message asks; False when there is none."""
        self.driver.hear()
        if not self.waiting:
            return False
        command = self.waiting.pop(0)
        if isinstance(command, DeliverEvent):
            self.wait(self.driver.queues.delay_of.pop(command, 0))
        assert self.driver.do(command)
        return True

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        clock = self.engine.now
        assert isinstance(clock, Clock)
        clock.move(seconds)

    def _work_on(self, seconds: float) -> None:
        """While a request waits, the workers work."""
        self.wait(seconds)
        self.step()

    def work(self, messages_most: int = 1_000) -> None:
        """Do what the queues hold until they are empty."""
        for _ in range(messages_most):
            if not self.step():
                return
        raise AssertionError(f"still busy after {messages_most} messages")


def gateway_event(method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """An HTTP API event, payload format 2.0. The path arrives decoded, all but `%25`, as the real one does it."""
    parts = urlsplit(url)
    path = "%25".join(unquote(piece) for piece in parts.path.split("%25"))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.query,
        "headers": {"content-type": "application/json", **{n.lower(): v for n, v in (headers or {}).items()}},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
            "requestId": "req-1",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = query
    if isinstance(body, Form):
        event["headers"]["content-type"] = f"multipart/form-data; boundary={BOUNDARY}"
        body = body.encoded()
    if isinstance(body, bytes):
        event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
    elif body is not None:
        event["body"] = body if isinstance(body, str) else json.dumps(body)
    return event


class Impatient(Client):
    """A client whose workers have other things to do while it waits."""

    def _work_on(self, seconds: float) -> None:
        clock = self.engine.now
        assert isinstance(clock, Clock)
        clock.move(seconds)
