"""Events: what happened to jobs, whom it was told and how that went; and telling it again."""

from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from forebay.dialects.dialect import JSON, Endpoint, Scope, call_of
from forebay.dialects.native import parse, words
from forebay.dialects.native.event_bodies import EventsBody, WholeEventBody, event, whole_event
from forebay.dialects.native.queries import EventsQuery
from forebay.domain.document import JobId
from forebay.domain.requests import Window
from forebay.service.redeliver import redeliver
from forebay.service.watch_events import event_view, event_views

EVENTS: Final = f"{words.BASE}/events"

EventInPath = Annotated[str, Path(description="The event's id.")]


def list_events(request: Request, query: Annotated[EventsQuery, Query()]) -> EventsBody:
    """List events, newest first: those of a job, or of all jobs.

    Those of a job are as of now; the list of all may be some seconds behind.
    """
    call = call_of(request)
    job = JobId(query.job_id) if query.job_id is not None else None
    views, following = event_views(call.engine, call.tenant, job, Window(query.limit, query.cursor))
    return EventsBody(data=[event(view) for view in views], next_cursor=following)


def get_event(request: Request, event: EventInPath) -> WholeEventBody:
    """Read an event, and each attempt to tell it.

    Neither what a target answered nor a secret is kept or shown.
    """
    call = call_of(request)
    return whole_event(event_view(call.engine, call.tenant, parse.reference(event)))


def redeliver_event(request: Request, event: EventInPath) -> Response[WholeEventBody]:
    """Tell an event again to all of its targets.

    Each is told by the schedule anew, under the same id; also those that had it, or answered 410. An event that nobody
    is told of, or of progress, cannot be told again, and each one 20 times at most.
    """
    call = call_of(request)
    return Response(202, JSON, whole_event(redeliver(call.engine, call.tenant, parse.reference(event))))


ENDPOINTS: Final = (
    Endpoint("GET", EVENTS, list_events, "Events", Scope.READ, errors=("not_found",)),
    Endpoint("GET", f"{EVENTS}/<event>", get_event, "Events", Scope.READ, errors=("not_found",)),
    Endpoint(
        "POST", f"{EVENTS}/<event>/redeliver", redeliver_event, "Events", Scope.WRITE, status=202,
        errors=("not_found", "invalid_transition"),
    ),
)  # fmt: skip
