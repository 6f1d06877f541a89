"""What travels on the queues: ids, a version and the run; never content. Unknown versions are retried, not dropped.

A member that a version of the code does not know makes the message wait until it is received again. So a member that
came later is left out where it says the usual: while a deployment replaces one function after another, or is taken
back, the usual messages are read by all.
"""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from forebay.domain.document import Collection, DocumentKey, JobId, RunId, TenantId
from forebay.domain.stored_document import Lane

_QUEUE_OF_LANE: Final = {Lane.BULK: "", Lane.INTERACTIVE: "_interactive"}


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    verb: ClassVar[str]  # whose function works on it
    v: Literal[1] = 1
    tenant: TenantId

    @property
    def queue(self) -> str:
        """The queue that it joins: its verb's."""
        return self.verb


class _OfDocument(_Command):
    collection: Collection
    key: DocumentKey


class _InLane(_OfDocument):
    lane: Lane = Field(default=Lane.BULK, exclude_if=lambda lane: lane is Lane.BULK)

    @property
    def queue(self) -> str:
        """The queue that it joins: its verb's for its lane."""
        return self.verb + _QUEUE_OF_LANE[self.lane]


class FetchDocument(_InLane):
    """Get what stands at the document's URL into the data bucket, then have it extracted."""

    verb: ClassVar[str] = "fetch"
    type: Literal["FetchDocument"] = "FetchDocument"
    run: RunId
    source: str  # object key of what is fetched; the URL stands beside it
    tries: int = Field(default=0, ge=0)  # how often the server was asked in vain


class ExtractDocument(_InLane):
    """Read the document's source and cut it into chunks."""

    verb: ClassVar[str] = "extract"
    type: Literal["ExtractDocument"] = "ExtractDocument"
    run: RunId
    part: int = Field(
        default=0, ge=0, exclude_if=lambda part: part == 0
    )  # how many parts of the document were read before


class EmbedChunks(_InLane):
    """Embed one batch of chunks and write it to the index, invisible."""

    verb: ClassVar[str] = "embed"
    type: Literal["EmbedChunks"] = "EmbedChunks"
    run: RunId
    batch: int = Field(ge=0)


class PublishDocument(_OfDocument):
    """All batches are written: make the run visible as soon as the index shows all of its chunks.

    Control's queue, not embed's: a document that is done need not wait behind those that are to be embedded.
    """

    verb: ClassVar[str] = "control"
    type: Literal["PublishDocument"] = "PublishDocument"
    run: RunId
    tries: int = Field(default=0, ge=0)  # how often the index was asked in vain


class ExpandJob(_Command):
    """Accept the documents of a job that is too large for one transaction; resumable."""

    verb: ClassVar[str] = "control"
    type: Literal["ExpandJob"] = "ExpandJob"
    job: JobId


class CancelJob(_Command):
    """End the documents of a job that was canceled and is too large to end them within the request; resumable."""

    verb: ClassVar[str] = "control"
    type: Literal["CancelJob"] = "CancelJob"
    job: JobId


class PurgeDocument(_OfDocument):
    """Remove what dead runs of the document left behind."""

    verb: ClassVar[str] = "control"
    type: Literal["PurgeDocument"] = "PurgeDocument"
    tries: int = Field(default=0, ge=0)  # how often the index still showed something


class DeliverEvent(_Command):
    """Tell an event to the job's callbacks: to one of them, or ask for a delivery to each that waits for it."""

    verb: ClassVar[str] = "deliver"
    type: Literal["DeliverEvent"] = "DeliverEvent"
    event: str
    target: int | None = Field(default=None, ge=0, exclude_if=lambda target: target is None)  # position among them
    attempts: int = Field(default=0, ge=0, exclude_if=lambda attempts: attempts == 0)  # that were begun before this


Command = (
    FetchDocument
    | ExtractDocument
    | EmbedChunks
    | PublishDocument
    | ExpandJob
    | CancelJob
    | PurgeDocument
    | DeliverEvent
)

RunCommand = FetchDocument | ExtractDocument | EmbedChunks | PublishDocument  # work on one run of one document

COMMANDS: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
