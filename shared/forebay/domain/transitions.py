"""The states of documents and jobs and the one table of allowed moves; every conditional write is derived from it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class DocumentState(StrEnum):
    """Where a document's current run stands."""

    AWAITING_UPLOAD = "awaiting_upload"  # a row only: the file has not come yet, the document is untouched
    QUEUED = "queued"  # accepted; its first command is on its way or will be sent again
    EXTRACTING = "extracting"  # a worker has claimed it
    INDEXING = "indexing"  # the chunks are fixed; batches are being embedded
    READY = "ready"  # the run is visible, or found unchanged
    FAILED = "failed"  # with a code; an earlier visible run stays visible
    CANCELED = "canceled"
    DELETING = "deleting"  # invisible; its chunks are being removed
    DELETED = "deleted"  # tombstone; expires


class RowState(StrEnum):
    """How a document's row in one job stands; all but the first two are final."""

    AWAITING_UPLOAD = "awaiting_upload"
    OPEN = "open"  # the document record tells the stage
    READY = "ready"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    CANCELED = "canceled"


class JobState(StrEnum):
    """Where a job stands; `running` is told from the counts and never stored before the end."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELING = "canceling"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


_D = DocumentState

# Moves of one run. Anything else needs a new run: only submit, intake, control and sweep may give one.
WITHIN_A_RUN: Final[Mapping[DocumentState, frozenset[DocumentState]]] = {
    _D.AWAITING_UPLOAD: frozenset({_D.QUEUED, _D.FAILED, _D.CANCELED}),
    _D.QUEUED: frozenset({_D.EXTRACTING, _D.FAILED, _D.CANCELED}),
    _D.EXTRACTING: frozenset({_D.EXTRACTING, _D.INDEXING, _D.READY, _D.FAILED, _D.CANCELED}),
    _D.INDEXING: frozenset({_D.INDEXING, _D.READY, _D.FAILED, _D.CANCELED}),
    _D.READY: frozenset(),
    _D.FAILED: frozenset(),
    _D.CANCELED: frozenset(),
    _D.DELETING: frozenset({_D.DELETING, _D.DELETED}),
    _D.DELETED: frozenset(),
}

GONE: Final = (_D.DELETING, _D.DELETED)  # for readers
WORKING: Final = (_D.QUEUED, _D.EXTRACTING, _D.INDEXING)
OPEN_ROWS: Final = (RowState.AWAITING_UPLOAD, RowState.OPEN)
OPEN_JOBS: Final = (JobState.QUEUED, JobState.RUNNING, JobState.CANCELING)


def before(target: DocumentState) -> tuple[DocumentState, ...]:
    """The states from which a run may move to `target`."""
    return tuple(state for state, targets in WITHIN_A_RUN.items() if target in targets)


def finished(*, ready: int, failed: int, canceled: int) -> JobState:
    """The final state of a job by what became of its documents (`ready` includes unchanged).

    A job without documents (an empty deletion) succeeded; canceled documents alone make it canceled.
    """
    if failed == 0 and canceled == 0:
        return JobState.SUCCEEDED
    if ready:
        return JobState.PARTIALLY_SUCCEEDED
    return JobState.FAILED if failed else JobState.CANCELED
