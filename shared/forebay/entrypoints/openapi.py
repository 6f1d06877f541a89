"""The OpenAPI document of all endpoints of all dialects, and the page that shows it."""

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Request, Response
from aws_lambda_powertools.event_handler.openapi import swagger_ui
from aws_lambda_powertools.event_handler.openapi.models import APIKey, APIKeyIn, HTTPBase, Tag
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from forebay import __version__
from forebay.dialects.dialect import JSON, Dialect, Endpoint, call_of
from forebay.domain.errors import CATALOGUE
from forebay.domain.json_text import write_json

Json = dict[str, object]

_REFERENCE: Final = "#/components/schemas/{model}"
_SECURITY: Final = ("bearer", "basic", "apiKey")
_EVERYWHERE: Final = ("internal_error", "unavailable", "throttled")
_GENERATED: Final = ("HTTPValidationError", "ValidationError", "ResponseValidationError")


def get_openapi(request: Request) -> Response[str]:
    """Read this document."""
    return Response(200, JSON, call_of(request).document())


def show_docs(request: Request) -> Response[str]:
    """Show this document as a page that needs no other site."""
    return Response(200, "text/html; charset=utf-8", _page(call_of(request).document()))


DOCUMENTATION: Final = tuple(
    Endpoint(
        "GET", f"{base}/{name}", answer, "Service", listed=bool(base),
        responses={200: {"description": "The document", "content": {media_type: {"schema": schema}}}},
    )
    for base in ("/forebay/v1", "")
    for name, answer, media_type, schema in (
        ("openapi.json", get_openapi, JSON, {"type": "object"}),
        ("docs", show_docs, "text/html", {"type": "string"}),
    )
)  # fmt: skip


def register(app: APIGatewayHttpResolver, owned: Iterable[tuple[Endpoint, Dialect]]) -> None:
    """Give the endpoints to the resolver."""
    for endpoint, dialect in owned:
        summary, _, description = (endpoint.answer.__doc__ or "").partition("\n")
        app.route(
            endpoint.path,
            method=endpoint.method,
            summary=summary.strip().rstrip("."),
            description=" ".join(description.split()) or None,
            responses=dict(endpoint.responses) or None,
            tags=[endpoint.tag],
            operation_id=_operation_id(endpoint, dialect),
            include_in_schema=endpoint.listed,
            status_code=endpoint.status,
        )(endpoint.answer)


def _operation_id(endpoint: Endpoint, dialect: Dialect) -> str:
    name = endpoint.answer.__name__
    first, *others = (name if dialect.name == "native" else f"{dialect.name}_{name}").split("_")
    return first + "".join(word.capitalize() for word in others)


def describe(app: APIGatewayHttpResolver, owned: Sequence[tuple[Endpoint, Dialect]]) -> str:
    """The OpenAPI 3.1 document as JSON: what the resolver knows, with every endpoint's security and errors."""
    schema = app.get_openapi_schema(
        title="Forebay",
        version=__version__,
        description="Asynchronous document ingestion and search.",
        tags=[Tag(name=name, description=text) for name, text in _tags(owned).items()],
        security_schemes={
            "bearer": HTTPBase(scheme="bearer", description="`Authorization: Bearer <key>`"),
            "basic": HTTPBase(scheme="basic", description="The password is the key."),
            "apiKey": APIKey.model_validate({"name": "x-api-key", "in": APIKeyIn.header}),
        },
    )
    document: Json = json.loads(schema.model_dump_json(by_alias=True, exclude_none=True))
    schemas = _object(_object(document, "components"), "schemas")
    paths = _object(document, "paths")
    for endpoint, dialect in owned:
        if endpoint.listed:
            operation = _object(_object(paths, _template(endpoint.path)), endpoint.method.lower())
            _complete(operation, endpoint, dialect)
            schemas |= _error_schemas(dialect.error_body)
            for model in endpoint.query_models:
                schemas.pop(model.__name__, None)
    for name in _GENERATED:
        schemas.pop(name, None)
    return write_json(document)


def _tags(owned: Sequence[tuple[Endpoint, Dialect]]) -> Mapping[str, str]:
    return {name: text for _, dialect in owned for name, text in dialect.tags.items()}


def _template(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")


def _object(parent: Json, name: str) -> Json:
    member = parent.setdefault(name, {})
    if not isinstance(member, dict):
        raise TypeError(f"{name} is not an object")
    return member


def _complete(operation: Json, endpoint: Endpoint, dialect: Dialect) -> None:
    operation["security"] = [] if endpoint.scope is None else [{scheme: []} for scheme in _SECURITY]
    if endpoint.scope is not None:
        operation["x-scope"] = endpoint.scope.value
    _complete_parameters(operation, endpoint)
    if endpoint.body_type != JSON:
        content = _object(_object(operation, "requestBody"), "content")
        content[endpoint.body_type] = content.pop(JSON)
    responses = _object(operation, "responses")
    responses.pop("422", None)
    responses.pop("500", None)
    codes: dict[int, list[str]] = {}
    for code in _errors(endpoint):
        codes.setdefault(dialect.error_status(CATALOGUE[code]), []).append(code)
    reference = {"$ref": _REFERENCE.format(model=dialect.error_body.__name__)}
    for status, names in sorted(codes.items()):
        text = "; ".join(f"`{name}`: {CATALOGUE[name].title}" for name in names)
        responses.setdefault(
            str(status), {"description": text, "content": {dialect.error_media_type: {"schema": reference}}}
        )


def _complete_parameters(operation: Json, endpoint: Endpoint) -> None:
    """Bounds, words and defaults of query parameters: Powertools 3.37 writes only the type of a model's members."""
    known: Json = {}
    for model in endpoint.query_models:
        known |= _object(model.model_json_schema(ref_template=_REFERENCE), "properties")
    parameters = operation.get("parameters")
    for parameter in parameters if isinstance(parameters, list) else []:
        if parameter["in"] == "query" and parameter["name"] in known:
            parameter["schema"] = known[parameter["name"]]


def _errors(endpoint: Endpoint) -> list[str]:
    """The codes that an endpoint can answer with: its own, and those of its kind."""
    codes = [*endpoint.errors, *_EVERYWHERE]
    if endpoint.scope is not None:
        codes += ["unauthenticated", "forbidden"]
    if endpoint.takes_body:
        codes += ["malformed_json" if endpoint.body_type == JSON else "malformed_form", "payload_too_large"]
    return [*codes, "invalid_request"]  # unknown query parameters at least


@functools.cache
def _error_schemas(error_body: type[BaseModel]) -> Json:
    _, found = models_json_schema([(error_body, "serialization")], ref_template=_REFERENCE)
    definitions = found["$defs"]
    return dict(definitions) if isinstance(definitions, dict) else {}


@functools.cache
def _page(document: str) -> str:
    """Swagger UI with its script and style inlined (1.7 MB, as Powertools ships it)."""
    assets = Path(swagger_ui.__file__).parent
    script = (assets / "swagger-ui-bundle.min.js").read_text(encoding="utf-8")
    style = (assets / "swagger-ui.min.css").read_text(encoding="utf-8")
    return swagger_ui.generate_swagger_html(document.replace("</", "<\\/"), script, style, "", None)
