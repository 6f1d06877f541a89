"""Is the service up? One answer for every dialect that is asked: our own members, and those of NVIDIA's ingestor."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel, ConfigDict, Field

from forebay import __version__
from forebay.dialects.dialect import JSON, Dependency, Endpoint, Function, call_of

# Our part -> the list in which NVIDIA's ingestor shows such a part, and what it is called there.
KNOWN_AS: Final[Mapping[str, tuple[str, str]]] = {
    "records": ("databases", "DynamoDB"),
    "index": ("databases", "OpenSearch"),
    "objects": ("object_storage", "S3"),
    "queues": ("task_management", "SQS"),
}


class DependencyBody(BaseModel):
    """A part of the system, as NVIDIA's ingestor shows one."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    service: str
    url: str = Field(default="", description="Not told.")
    status: Literal["healthy", "unhealthy"]
    latency_ms: float
    error: str | None = None


class HealthBody(BaseModel):
    """Is the service up?"""

    model_config = ConfigDict(
        extra="forbid",
        defer_build=True,
        json_schema_extra={"examples": [{"status": "ok", "version": "0.1.0", "message": "Service is up."}]},
    )

    status: Literal["ok", "down"]
    version: str
    dependencies: dict[str, Literal["up", "down"]] | None = Field(
        default=None, exclude_if=lambda found: found is None, description="When they were asked."
    )
    message: str = "Service is up."
    databases: list[DependencyBody] = []
    object_storage: list[DependencyBody] = []
    nim: list[DependencyBody] = []
    processing: list[DependencyBody] = []
    task_management: list[DependencyBody] = []


def get_health(
    request: Request,
    check: Annotated[Literal["dependencies"] | None, Query(description="Ask the parts of the system, too.")] = None,
    check_dependencies: Annotated[bool, Query(description="Likewise, and 200 even when one is down.")] = False,  # noqa: FBT002
) -> Response[HealthBody]:
    """Ask whether the service is up; with `check=dependencies` 503 when a part of it is down, named."""
    if check is None and not check_dependencies:
        return Response(200, JSON, HealthBody(status="ok", version=__version__))
    parts = call_of(request).dependencies()
    well = all(part.answers for part in parts.values())
    lists = _listed(parts)
    body = HealthBody(
        status="ok" if well else "down",
        version=__version__,
        dependencies={name: "up" if part.answers else "down" for name, part in parts.items()},
        databases=lists.get("databases", []),
        object_storage=lists.get("object_storage", []),
        task_management=lists.get("task_management", []),
    )
    refused = check is not None and not well
    return Response(503 if refused else 200, JSON, body, headers={"Retry-After": "5"} if refused else {})


def _listed(parts: Mapping[str, Dependency]) -> dict[str, list[DependencyBody]]:
    lists: dict[str, list[DependencyBody]] = {}
    for name, part in parts.items():
        kind, service = KNOWN_AS[name]
        lists.setdefault(kind, []).append(
            DependencyBody(
                service=service,
                status="healthy" if part.answers else "unhealthy",
                latency_ms=part.milliseconds,
                error=None if part.answers else f"{service} does not answer.",
            )
        )
    return lists


HEALTH: Final = Endpoint(
    "GET", "/health", get_health, "Service", functions=frozenset(Function),
    responses={
        200: {"description": "Up", "content": {JSON: {"model": HealthBody}}},
        503: {"description": "A part is down", "content": {JSON: {"model": HealthBody}}},
    },
)  # fmt: skip
