"""botocore's hooks around each call to moto: the tape hears of it, faults strike, and troubles are answered here."""

import copy
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Protocol, cast

from botocore.exceptions import ClientError, ReadTimeoutError

from forebay.domain.events import Event
from tests.simulation.tape import Tape
from tests.simulation.troubles import Trouble


class Heard(Protocol):
    """Who is told of the calls."""

    tape: Tape
    published: list[Event]
    tokens: set[str]


class _Http:
    """All that botocore asks of an answer once it is parsed."""

    def __init__(self, status: int) -> None:
        self.status_code = status
        self.headers: Mapping[str, str] = {}


_Answer = tuple[_Http, dict[str, Any]]


def name_of(model: Any) -> str:
    """The call as the tape knows it."""
    return f"{model.service_model.service_name}.{model.name}"


def _error(name: str, phase: str) -> Exception:
    if phase == "after":
        return ReadTimeoutError(endpoint_url=name)
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "injected"}}, name)


def _failed(code: str, status: int = HTTPStatus.BAD_REQUEST, **more: Any) -> _Answer:
    body = {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return _Http(status), body


def _canceled(body: Mapping[str, Any], reason: str) -> _Answer:
    """A transaction of which one item, the last, is to blame."""
    reasons = [{"Code": "None"} for _ in body["TransactItems"]]
    reasons[-1] = {"Code": reason, "Message": "injected"}
    return _failed("TransactionCanceledException", CancellationReasons=reasons)


class Answers:
    """The hooks of one client."""

    def __init__(self, client: Any, heard: Heard) -> None:
        self._client = client
        self._heard = heard
        self._rest: list[Any] = []  # what a call in part leaves out
        self._publishing: list[Event] = []
        self._strikes: Mapping[Trouble, Callable[[Any, Any], _Answer | None]] = {
            Trouble.CONFLICT: self._conflict,
            Trouble.CONFLICT_LASTS: self._conflict,
            Trouble.IN_PROGRESS: self._in_progress,
            Trouble.WRITTEN_TWICE: self._twice,
            Trouble.CAPACITY: self._capacity,
            Trouble.UNPROCESSED: self._half_read,
            Trouble.SENT_IN_PART: self._half_sent,
            Trouble.SENT_TWICE: self._twice,
            Trouble.NOT_PUBLISHED: self._not_published,
            Trouble.TOLD_TWICE: self._twice,
            Trouble.SLOW_DOWN: lambda model, params: _failed("SlowDown", HTTPStatus.SERVICE_UNAVAILABLE),
        }

    def before(self, model: Any, params: Any, **_: Any) -> _Answer | None:
        """`before-call`: an answer is taken instead of moto's."""
        name, tape = name_of(model), self._heard.tape
        self._rest, self._publishing = [], []
        if model.name == "PutEvents":
            entries = json.loads(params["body"])["Entries"]
            self._publishing = [Event.model_validate_json(entry["Detail"]) for entry in entries]
        tape.hit("before", name, lambda name: _error(name, "before"))
        trouble = tape.trouble(name)
        answer = self._strikes[trouble](model, params) if trouble is not None else None
        if answer is not None or model.name != "TransactWriteItems":
            return answer
        token = json.loads(params["body"])["ClientRequestToken"]
        if token in self._heard.tokens:  # as in AWS: the same request within ten minutes is answered, not done again
            return _Http(HTTPStatus.OK), {"ResponseMetadata": {"HTTPStatusCode": HTTPStatus.OK}}
        return None

    def after(self, model: Any, http_response: Any, parsed: Any, **_: Any) -> None:
        """`after-call`."""
        if http_response.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            return  # a refused condition has no effect, and its answer is the adapter's to read
        if model.name == "PutEvents" and not parsed.get("FailedEntryCount"):
            self._heard.published += self._publishing
        if self._rest and model.name == "BatchGetItem":
            [table] = parsed["Responses"]
            parsed["UnprocessedKeys"] = {table: {"Keys": self._rest, "ConsistentRead": True}}
        elif self._rest:
            parsed["Failed"] = [{"Id": e["Id"], "Code": "InternalError", "SenderFault": False} for e in self._rest]
        self._heard.tape.hit("after", name_of(model), lambda name: _error(name, "after"))

    # -- troubles ------------------------------------------------------------------------------------------------

    @staticmethod
    def _conflict(model: Any, params: Any) -> _Answer:
        if model.name == "TransactWriteItems":
            return _canceled(json.loads(params["body"]), "TransactionConflict")
        return _failed("TransactionConflictException")

    @staticmethod
    def _capacity(model: Any, params: Any) -> _Answer:
        if model.name == "TransactWriteItems":
            return _canceled(json.loads(params["body"]), "ProvisionedThroughputExceeded")
        return _failed("ProvisionedThroughputExceededException")

    def _once(self, model: Any, params: Any) -> tuple[Any, dict[str, Any]]:
        """What the SDK sent first, and got no answer to."""
        return cast(tuple[Any, dict[str, Any]], self._client._endpoint.make_request(model, copy.deepcopy(params)))

    def _twice(self, model: Any, params: Any) -> None:
        http, _ = self._once(model, params)
        self._heard.published += self._publishing
        if http.status_code < HTTPStatus.MULTIPLE_CHOICES:
            self._heard.tape.look(name_of(model))

    def _in_progress(self, model: Any, params: Any) -> _Answer:
        http, parsed = self._once(model, params)
        if http.status_code >= HTTPStatus.MULTIPLE_CHOICES:
            return http, parsed
        self._heard.tokens.add(json.loads(params["body"])["ClientRequestToken"])
        self._heard.tape.look(name_of(model))
        return _failed("TransactionInProgressException")

    def _half_read(self, model: Any, params: Any) -> None:
        body = json.loads(params["body"])
        [(_, asked)] = body["RequestItems"].items()
        middle = len(asked["Keys"]) // 2
        self._rest, asked["Keys"] = asked["Keys"][:middle], asked["Keys"][middle:]
        _put_body(params, body)

    def _half_sent(self, model: Any, params: Any) -> _Answer | None:
        body = json.loads(params["body"])
        middle = (len(body["Entries"]) + 1) // 2
        self._rest, body["Entries"] = body["Entries"][:middle], body["Entries"][middle:]
        if not body["Entries"]:
            failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in self._rest]
            self._rest = []
            return _Http(HTTPStatus.OK), {"Failed": failed, "ResponseMetadata": {}}
        _put_body(params, body)
        return None

    @staticmethod
    def _not_published(model: Any, params: Any) -> _Answer:
        entries = [{"ErrorCode": "InternalFailure", "ErrorMessage": "injected"}]
        return _Http(HTTPStatus.OK), {"FailedEntryCount": 1, "Entries": entries, "ResponseMetadata": {}}


def _put_body(params: Any, body: Mapping[str, Any]) -> None:
    """A changed body in a request that is not signed yet."""
    params["body"] = json.dumps(body).encode()
    params["headers"].pop("Content-Length", None)
