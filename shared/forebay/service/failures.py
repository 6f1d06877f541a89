"""What of a job failed and why, with what was sent, as far as one answer has room for it."""

from typing import Final

from forebay.domain.errors import CallerError
from forebay.domain.job import Row
from forebay.domain.transitions import RowState
from forebay.service.engine import Engine
from forebay.service.sources import memo_is_aside, row_memo
from forebay.service.watch import JobView, rows_in

_READS_MOST: Final = 500  # for one answer: large memos are read one by one
_WORDS_BYTES: Final = 100  # of a failure in an answer, beside its id, message and memo


class Room:
    """What is left of one answer, which may show the failures of several jobs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._bytes = engine.policy.limits.answer_bytes
        self._reads = _READS_MOST

    def failures(self, view: JobView) -> list[tuple[Row, str]]:
        """The job's failed rows in the order of its request, each with its memo, which is empty where
        there is no room for it. Nothing is read where there are none.

        Raises CallerError content_too_large when there is no room for their ids and messages.
        """
        if not view.documents["failed"]:
            return []
        rows = rows_in(self._engine, view.job, (RowState.FAILED,))
        self._bytes -= sum(
            len(row.document_id.encode()) + len(row.error_message.encode()) + _WORDS_BYTES for row in rows
        )
        if self._bytes < 0:
            raise CallerError("content_too_large")
        return [(row, self._memo(row)) for row in rows]

    def _memo(self, row: Row) -> str:
        if memo_is_aside(row):
            self._reads -= 1
            if self._reads < 0:
                return ""
        memo = row_memo(self._engine, row)
        size = len(memo.encode())
        if size > self._bytes:
            return ""
        self._bytes -= size
        return memo
