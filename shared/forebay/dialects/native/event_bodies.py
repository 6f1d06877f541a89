"""Events as the native API shows them: what happened, whom it was told, and each attempt; never what was answered."""

from typing import Literal, cast

from pydantic import Field, JsonValue

from forebay.dialects.native import examples
from forebay.dialects.native.responses import ResponseBody
from forebay.domain.callbacks import Callback, Means
from forebay.domain.delivery import Attempt, Target, TargetState
from forebay.service.watch_events import EventView

TargetStatus = Literal["pending", "delivered", "failed", "disabled", "dropped"]


class _TargetNamed(ResponseBody):
    target: int = Field(ge=0, description="Which of the job's `callbacks`, from 0.")
    url: str | None = Field(
        default=None,
        exclude_if=lambda url: url is None,
        description="Of a webhook; `?...` stands for its query, which may hold a token.",
    )
    exchange: str | None = Field(default=None, exclude_if=lambda exchange: exchange is None, description="Of AMQP.")


class EventTargetBody(_TargetNamed):
    """The delivery of an event to one callback of its job."""

    type: Literal["webhook", "amqp"]
    state: TargetStatus = Field(
        description="`disabled`: the target answered 410, to this event or another of the job. `dropped`: progress "
        "that the job's end overtook, or something that the API of the job does not tell."
    )
    attempts: int = Field(ge=0, description="Begun so far.")
    next_at: str | None = Field(description="When the next attempt is due, or the present one must be over.")


class AttemptBody(_TargetNamed):
    """One attempt to tell one target."""

    number: int = Field(ge=1, description="Counts the attempts at this target.")
    at: str
    status: int | None = Field(description="HTTP status; null where nothing answered by one.")
    milliseconds: int
    error: str | None = Field(description="A code of `GET /errors`; null where the event was taken.")


class EventBody(ResponseBody):
    """An event."""

    id: str
    object: Literal["event"] = "event"
    type: str
    job_id: str
    sequence: int = Field(description="Grows with each event of the job.")
    created_at: str
    status: Literal["none"] | TargetStatus = Field(
        description="Of the target that needs a look most: failed, disabled, pending, dropped, then delivered."
    )
    targets: list[EventTargetBody]


class EventsBody(ResponseBody):
    """Some events, newest first."""

    model_config = examples.listing(examples.EVENT)

    object: Literal["list"] = "list"
    data: list[EventBody]
    next_cursor: str | None


class WholeEventBody(EventBody):
    """An event with its body and the log of its deliveries."""

    model_config = examples.example(examples.WHOLE_EVENT)

    body: dict[str, JsonValue] = Field(description="What is told: a CloudEvents 1.0 event.")
    attempts: list[AttemptBody] = Field(description="Oldest first.")


def event(view: EventView) -> EventBody:
    """An event, for a list."""
    told, callbacks = view.told, view.callbacks
    return EventBody(
        id=told.event.id,
        type=told.event.type,
        job_id=told.job,
        sequence=told.event.sequence,
        created_at=told.event.time,
        status=cast(TargetStatus, view.status),  # validated by the model
        targets=[_target(at, target, callbacks[at]) for at, target in told.targets.items()],
    )


def whole_event(view: EventView) -> WholeEventBody:
    """An event with everything that is known of it."""
    told, callbacks = view.told, view.callbacks
    return WholeEventBody(
        **dict(event(view)),
        body=told.event.model_dump(mode="json"),
        attempts=[_attempt(attempt, callbacks[attempt.target]) for attempt in told.attempts],
    )


def _target(at: int, target: Target, callback: Callback) -> EventTargetBody:
    return EventTargetBody(
        target=at,
        type=callback.means.value,
        url=_url(callback),
        exchange=callback.exchange or None,
        state=target.state.value,
        attempts=target.attempts,
        next_at=target.next_at if target.state is TargetState.PENDING else None,
    )


def _attempt(attempt: Attempt, callback: Callback) -> AttemptBody:
    return AttemptBody(
        target=attempt.target,
        url=_url(callback),
        exchange=callback.exchange or None,
        number=attempt.number,
        at=attempt.at,
        status=attempt.status or None,
        milliseconds=attempt.milliseconds,
        error=attempt.error or None,
    )


def _url(callback: Callback) -> str | None:
    return callback.shown if callback.means is Means.WEBHOOK else None
