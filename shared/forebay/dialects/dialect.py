"""What a dialect is: a name, its endpoints, and its words for a failure. Endpoints are plain data, so that the
entrypoint can route, authenticate and document them without knowing any dialect by name."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Final, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel

from forebay.domain.document import TenantId
from forebay.domain.errors import CallerError, ErrorKind, Problem
from forebay.service.authenticate import Principal
from forebay.service.engine import Engine
from forebay.service.throttle import Rate

JSON: Final = "application/json"
_PARAMETER: Final = re.compile(r"<(\w+)>")


class Scope(StrEnum):
    """What a key must be allowed to do; `admin` implies all."""

    READ = "read"
    WRITE = "write"
    DELETE = "delete"


class Function(StrEnum):
    """The functions that answer HTTP requests; the gateway routes between them."""

    API = "api"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file of a form."""

    field: str
    name: str  # without folders
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Dependency:
    """A part of the system, asked whether it answers."""

    answers: bool
    milliseconds: float  # that it took to find out


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as far as its route needs more than its own parameters."""

    engine: Engine
    principal: Principal | None  # None at endpoints that need no key
    request_id: str
    dependencies: Callable[[], Mapping[str, Dependency]]  # does each part of the system answer?
    document: Callable[[], str]  # the OpenAPI document, as JSON
    files: tuple[UploadedFile, ...] = ()  # of a form, in its order

    @property
    def tenant(self) -> TenantId:
        """Whose data this request may see and change."""
        if self.principal is None:
            raise CallerError("unauthenticated")
        return self.principal.tenant


def call_of(request: Request) -> Call:
    """The call that the entrypoint put into the resolver's context."""
    call = request.context["call"]
    if not isinstance(call, Call):
        raise TypeError("the entrypoint put no Call into the context")
    return call


@dataclass(frozen=True, eq=False)
class Endpoint:
    """One method of one path: who may call it, which function answers, and what the OpenAPI document says of it.

    The first line of `answer`'s docstring is the summary, the rest the description, its name the operation id.
    """

    method: str
    path: str  # parameters as <name>; they match within one segment
    answer: Callable[..., object]  # a model, or a Response of one
    tag: str
    scope: Scope | None = None  # None: needs no key
    status: int = 200
    errors: tuple[str, ...] = ()  # catalogue codes beyond those that every endpoint of its kind can give
    responses: Mapping[int, OpenAPIResponse] = field(default_factory=dict)  # successes beyond `status`
    functions: frozenset[Function] = frozenset({Function.API})
    listed: bool = True  # in the OpenAPI document; a second path of the same thing is not
    body_type: str = JSON  # or multipart/form-data: its text fields are members of the body, its files are the call's

    @functools.cached_property
    def pattern(self) -> re.Pattern[str]:
        """Matches the paths of this endpoint, percent-encoded."""
        return re.compile(_PARAMETER.sub("[^/]+", re.escape(self.path).replace("\\<", "<").replace("\\>", ">")))

    @functools.cached_property
    def root(self) -> str:
        """What its path begins with, up to the first parameter."""
        return self.path.partition("<")[0].rstrip("/")

    @functools.cached_property
    def takes_body(self) -> bool:
        """Is there a body to be read? Decided by its parameters, for a DELETE may have one."""
        return bool(_parameters(self.answer, Body))

    @functools.cached_property
    def query_models(self) -> tuple[type[BaseModel], ...]:
        """The models whose members are query parameters of its own."""
        kinds = (kind for _, kind in _parameters(self.answer, Query))
        return tuple(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))

    @functools.cached_property
    def query(self) -> frozenset[str]:
        """The names of the query parameters that it knows."""
        members = {member for model in self.query_models for member in model.model_fields}
        plain = {name for name, kind in _parameters(self.answer, Query) if kind not in self.query_models}
        return frozenset(members | plain)


def _parameters(answer: Callable[..., object], mark: type[Query | Body]) -> list[tuple[str, object]]:
    """Name and type of each parameter with this mark."""
    hints = get_type_hints(answer, include_extras=True)
    marked = ((name, get_args(hint)) for name, hint in hints.items() if get_origin(hint) is Annotated)
    return [(name, kind) for name, (kind, *marks) in marked if any(isinstance(each, mark) for each in marks)]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request got no answer; a dialect puts it into its own words."""

    kind: ErrorKind
    message: str
    request_id: str
    problems: tuple[Problem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)  # to be sent with it: Allow, Retry-After, ...
    path_known: bool = True  # else it is `not_found`, because nobody answers there


class Dialect(Protocol):
    """One HTTP API: its endpoints translate to use cases and back."""

    @property
    def name(self) -> str:
        """What jobs remember it by."""
        ...

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """All that it answers."""
        ...

    @property
    def ignores_unknown(self) -> bool:
        """Are query parameters that it does not know passed over, instead of refused?"""
        ...

    @property
    def error_body(self) -> type[BaseModel]:
        """What `render_error` writes, for the OpenAPI document."""
        ...

    @property
    def error_media_type(self) -> str:
        """The Content-Type of `render_error`."""
        ...

    @property
    def tags(self) -> Mapping[str, str]:
        """The endpoints' tags, each with a sentence, for the OpenAPI document."""
        ...

    def error_status(self, kind: ErrorKind) -> int:
        """The HTTP status of a failure of this kind."""
        ...

    def render_error(self, failure: Failure) -> Response[str]:
        """The failure in this dialect's words, with `failure.headers`."""
        ...


@runtime_checkable
class ShowsRate(Protocol):
    """A dialect that promises a rate: each request with a tenant is counted, too many are refused as `throttled`."""

    def rate_headers(self, rate: Rate) -> Mapping[str, str]:
        """What every answer says of the rate, refusals included."""
        ...
