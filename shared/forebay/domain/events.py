"""What is published: one body that is both a CloudEvents 1.0 event and a Standard Webhooks payload.

Sources: CloudEvents 1.0 (structured JSON), Standard Webhooks 1.0.0 (`type`, `timestamp`, `data`).
"""

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, JsonValue

JOB_EVENT_PREFIX = "forebay.job."


class Event(BaseModel):
    """Something that happened to a job; `id` is the same however often it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bus_source: ClassVar[str] = "forebay"

    specversion: Literal["1.0"] = "1.0"
    id: str
    source: str  # /forebay/v1/jobs/<job>
    type: str  # forebay.job.succeeded | partially_succeeded | failed | canceled
    time: str
    timestamp: str
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, JsonValue]
