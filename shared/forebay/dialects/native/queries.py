"""The query parameters of the native API's lists."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from forebay.dialects.native import words
from forebay.dialects.native.responses import RowStatus

_Time = Annotated[str, Field(max_length=40, description="RFC 3339.", examples=["2026-11-22T10:00:00Z"])]
_PageNumber = Annotated[int, Field(ge=1, le=1_000_000)]


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    limit: int = Field(default=words.LIST_DEFAULT, ge=1, le=words.LIST_MOST, description="Rows of a page at most.")
    cursor: str | None = Field(
        default=None, min_length=1, max_length=4_000, description="`next_cursor` of the page before; opaque."
    )


class SubmitQuery(BaseModel):
    """How to take a job in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

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


class DocumentsQuery(PageQuery):
    """Which documents of a collection."""

    prefix: str = Field(default="", max_length=words.NAME_LENGTH_MOST, description="Of the id.")
    id: str | None = Field(
        default=None, min_length=1, max_length=words.NAME_LENGTH_MOST, description="Exactly this id."
    )


class ContentQuery(BaseModel):
    """Which pages of a document."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    page_first: _PageNumber | None = None
    page_last: _PageNumber | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "ContentQuery":
        if self.page_first is not None and self.page_last is not None and self.page_first > self.page_last:
            raise PydanticCustomError("page_order", "page_first must not be greater than page_last")
        return self
