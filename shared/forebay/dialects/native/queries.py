"""The query parameters of the native API's lists."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from forebay.dialects.native import words
from forebay.dialects.native.responses import RowStatus
from forebay.domain.entry import NAME_LENGTH_MOST

_Time = Annotated[str, Field(max_length=40, description="RFC 3339.", examples=["2026-11-22T10:00:00Z"])]
_PageNumber = Annotated[int, Field(ge=1, le=1_000_000)]


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    limit: int = Field(default=words.LIST_DEFAULT, ge=1, le=words.LIST_MOST, description="Rows of a page at most.")
    cursor: str | None = Field(
        default=None, min_length=1, max_length=4_000, description="`next_cursor` of the page before; opaque."
    )


class SubmitQuery(BaseModel):
    """How to take a job in."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    dry_run: bool = Field(default=False, description="Only tell what would happen; nothing is created.")


class JobsQuery(PageQuery):
    """Which jobs."""

    collection: Annotated[str, Field(pattern=words.COLLECTION)] | None = None
    status: (
        Literal["queued", "running", "canceling", "succeeded", "partially_succeeded", "failed", "canceled"] | None
    ) = None
    kind: Literal["ingest", "delete", "sync"] | None = None
    created_after: _Time | None = None
    created_before: _Time | None = None


class RowsQuery(PageQuery):
    """Which documents of a job."""

    status: RowStatus | None = None


class EventsQuery(PageQuery):
    """Which events."""

    job_id: str | None = Field(default=None, min_length=1, max_length=NAME_LENGTH_MOST, description="Of this job.")


class DocumentsQuery(PageQuery):
    """Which documents of a collection."""

    prefix: str = Field(default="", max_length=NAME_LENGTH_MOST, description="Of the id.")
    id: str | None = Field(default=None, min_length=1, max_length=NAME_LENGTH_MOST, description="Exactly this id.")


class ContentQuery(BaseModel):
    """Which pages of a document."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    page_first: _PageNumber | None = None
    page_last: _PageNumber | None = None

    @field_validator("page_last")
    @classmethod
    def _in_order(cls, page_last: int | None, others: ValidationInfo) -> int | None:
        page_first = others.data.get("page_first")
        if page_first is not None and page_last is not None and page_first > page_last:
            raise PydanticCustomError("page_order", "must not be less than page_first")
        return page_last
