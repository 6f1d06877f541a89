"""HTTP requests in, use cases out: route, authenticate, validate, answer; the one place that catches errors.

gateway event → Incoming → endpoint (404, 405) → principal (401, 429, 403) → body (400, 413) → Powertools' resolver
(422) → the dialect's route → one use case → response; anything raised on the way → Failure → the dialect's words
"""

import functools
import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from forebay.dialects import DIALECTS
from forebay.dialects.dialect import Call, Dialect, Endpoint, Function, ShowsRate
from forebay.domain.errors import CallerError, Problem
from forebay.domain.json_text import write_json
from forebay.entrypoints.health import dependencies
from forebay.entrypoints.http_errors import MethodNotAllowed, NoSuchPath, failure_of
from forebay.entrypoints.http_requests import Incoming, credential, event_for, incoming, parse_json
from forebay.entrypoints.openapi import DOCUMENTATION, describe, register
from forebay.service.authenticate import Principal, authenticate
from forebay.service.engine import Engine
from forebay.service.throttle import Rate, count_request

log = logging.getLogger(__name__)

Handler = Callable[[Mapping[str, object], LambdaContext], dict[str, object]]

_SERVER_ERROR: Final = 500
_EVERY_ANSWER: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def http_handler(function: Function, build_engine: Callable[[], Engine]) -> Handler:
    """The Lambda handler of `function`. The engine is built now, in the function's init phase."""
    return _Site(function, build_engine(), DIALECTS).handle


class _Site:
    """All endpoints of all dialects, of which this function answers its own."""

    def __init__(self, function: Function, engine: Engine, dialects: Sequence[Dialect]) -> None:
        self._function = function
        self._engine = engine
        self._owned = [(endpoint, dialect) for dialect in dialects for endpoint in dialect.endpoints]
        self._owned += [(endpoint, dialects[0]) for endpoint in DOCUMENTATION]
        self._default = dialects[0]
        self._app = APIGatewayHttpResolver(
            enable_validation=True,
            response_validation_error_http_code=_SERVER_ERROR,
            serializer=write_json,
            json_body_deserializer=parse_json,  # type: ignore[arg-type]  # any JSON value is right
        )
        self._app.exception_handler(Exception)(_raise)
        register(self._app, self._owned)
        self._describe = functools.cache(functools.partial(describe, self._app, self._owned))

    def handle(self, event: Mapping[str, object], context: LambdaContext) -> dict[str, object]:
        """Answer one gateway event; never raises."""
        begun = time.monotonic()
        request = incoming(event)
        said = {**_EVERY_ANSWER, "X-Request-Id": request.request_id}
        try:
            answer = self._answer(request, context, said)
        except Exception as error:  # noqa: BLE001 - the only one: everything below raises
            answer = self._refuse(request, error)
        headers = answer.get("headers")
        answer["headers"] = {**said, **(headers if isinstance(headers, Mapping) else {})}
        if request.method == "HEAD":
            answer |= {"body": "", "isBase64Encoded": False}
        milliseconds = round((time.monotonic() - begun) * 1_000)
        log.info(
            "request answered",
            extra={
                "method": request.method,
                "path": request.path[:500],
                "status": answer["statusCode"],
                "milliseconds": milliseconds,
                "request_id": request.request_id,
            },
        )
        return answer

    # -- the way in ----------------------------------------------------------------------------------------------------

    def _answer(self, request: Incoming, context: LambdaContext, said: dict[str, str]) -> dict[str, object]:
        """Answer, or raise; `said` takes up the headers that go with the answer whatever it becomes."""
        endpoint, dialect = self._find(request)
        engine = _timed(self._engine, context)
        principal: Principal | None = None
        if endpoint.scope is not None:
            principal = authenticate(engine, credential(request.headers))
            if isinstance(dialect, ShowsRate):
                rate = count_request(engine, principal.tenant)
                said |= dialect.rate_headers(rate)
                _refuse_too_many(rate)
        call = self._admit(request, endpoint, dialect, principal, engine)
        resolvable, files = event_for(request, endpoint)
        self._app.append_context(call=replace(call, files=files))  # type: ignore[no-untyped-call]
        answer: dict[str, object] = self._app.resolve(resolvable, context)
        return answer

    def _find(self, request: Incoming) -> tuple[Endpoint, Dialect]:
        """The endpoint asked for, and whose it is. Raises NoSuchPath, MethodNotAllowed."""
        here = [owned for owned in self._owned if owned[0].pattern.fullmatch(request.path)]
        if not here:
            raise NoSuchPath
        wanted = "GET" if request.method == "HEAD" else request.method
        for endpoint, dialect in here:
            if endpoint.method == wanted:
                if self._function in endpoint.functions:
                    return endpoint, dialect
                raise NoSuchPath("Another function answers this path.")
        allowed = {endpoint.method for endpoint, _ in here}
        raise MethodNotAllowed(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))

    def _admit(
        self, request: Incoming, endpoint: Endpoint, dialect: Dialect, principal: Principal | None, engine: Engine
    ) -> Call:
        """May they? Raises CallerError forbidden, invalid_request."""
        if principal is not None and endpoint.scope is not None and not principal.may(endpoint.scope):
            raise CallerError("forbidden", f"The key lacks the scope `{endpoint.scope}`.")
        query = request.event.get("queryStringParameters")
        unknown = sorted(set(query) - endpoint.query) if isinstance(query, Mapping) else []
        if unknown and not dialect.ignores_unknown:
            problems = tuple(
                Problem(("query", name), "this parameter is not known", "extra_forbidden") for name in unknown
            )
            raise CallerError("invalid_request", "Unknown query parameters.", problems=problems)
        return Call(
            engine=engine,
            principal=principal,
            request_id=request.request_id,
            dependencies=functools.partial(dependencies, engine, self._function),
            document=self._describe,
        )

    # -- the way out ---------------------------------------------------------------------------------------------------

    def _refuse(self, request: Incoming, error: Exception) -> dict[str, object]:
        """The failure in the words of the dialect that owns the path."""
        failure = failure_of(error, request.request_id)
        if failure.kind.code == "internal_error":
            log.error("request failed", exc_info=error, extra={"request_id": request.request_id})
        elif failure.kind.status >= _SERVER_ERROR:
            log.warning("request not served", exc_info=error, extra={"request_id": request.request_id})
        response = self._owner(request.path).render_error(failure)
        return {
            "statusCode": response.status_code,
            "headers": {"Content-Type": response.content_type, **response.headers},
            "body": response.body,
            "isBase64Encoded": False,
        }

    def _owner(self, path: str) -> Dialect:
        """Whose path it is; one that nobody knows is whose paths begin most like it, if that is one dialect's."""
        owners = (dialect for endpoint, dialect in self._owned if endpoint.pattern.fullmatch(path))
        alike = [(_segments_alike(path, endpoint.root), dialect) for endpoint, dialect in self._owned]
        most = max(number for number, _ in alike)
        likely = {dialect for number, dialect in alike if number == most}
        return next(owners, likely.pop() if len(likely) == 1 else self._default)


def _timed(engine: Engine, context: LambdaContext) -> Engine:
    """The engine, knowing how long this invocation may still take."""
    return replace(engine, remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1_000)


def _segments_alike(path: str, root: str) -> int:
    """With how many equal segments the two begin."""
    pairs = zip(path.split("/"), root.split("/"), strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _refuse_too_many(rate: Rate) -> None:
    if rate.exceeded:
        message = f"Rate limit exceeded. Please retry after {rate.resets_in} seconds."
        raise CallerError("throttled", message, retry_after_seconds=rate.resets_in)


def _raise(error: Exception) -> Response[str]:
    """Let the resolver hand every exception to `handle` instead of rendering some itself."""
    raise error
