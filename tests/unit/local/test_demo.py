"""The demo copes with any folder and tells what happened."""

import io
import os
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from local.demo import NotSent, Outcome, exit_code, find_files
from local.report import Observed, print_hits, print_job


def test_files_are_found_in_subfolders_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("b.txt", "a/c.txt", ".hidden", ".git/config", "a/.DS_Store"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    not_sent: list[NotSent] = []

    found = [name for name, _ in find_files(tmp_path, not_sent)]

    assert found == ["b.txt", "a/c.txt"]
    assert not_sent == []


def test_what_is_no_document_is_named_with_a_reason(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "line\nbreak.txt").write_text("x")
    not_sent: list[NotSent] = []

    found = list(find_files(tmp_path, not_sent))

    assert found == []
    assert [skipped.reason.split(" (")[0] for skipped in not_sent] == [
        "not a regular file",
        "its path is no document id",
        "not a regular file",
    ]


def a_job(**documents: int) -> dict[str, Any]:
    counts = {"total": 2, "queued": 0, "running": 0, "ready": 2, "unchanged": 0, "failed": 0, "canceled": 0} | documents
    return {
        "id": "job_1",
        "status": "succeeded",
        "created_at": "2026-01-01T00:00:00.000Z",
        "counts": {"documents": counts, "chunks": {"total": 7}},
    }


def a_row(**given: Any) -> dict[str, Any]:
    return {
        "id": "a",
        "name": "a.pdf",
        "status": "ready",
        "pages": 3,
        "chunks": {"total": 7, "done": 7},
        "error": None,
        "started_at": "2026-01-01T00:00:01.000Z",
        "finished_at": "2026-01-01T00:00:04.000Z",
    } | given


@pytest.mark.parametrize(
    ("job", "not_sent", "is_samples", "code"),
    [
        (a_job(), [], True, 0),
        (a_job(ready=1, failed=1), [], True, 1),
        (a_job(ready=1, failed=1), [], False, 0),
        (a_job(), [NotSent("x", "y")], True, 1),
        (a_job(), [NotSent("x", "y")], False, 0),
        (a_job() | {"status": "running"}, [], False, 1),
    ],
)
def test_the_exit_code_is_0_when_the_samples_are_all_there(
    job: dict[str, Any], not_sent: list[NotSent], is_samples: bool, code: int
) -> None:
    told = {"type": "forebay.job.succeeded"}

    assert exit_code(Outcome(not_sent=not_sent, job=job, told=told), is_samples=is_samples) == code


def test_the_exit_code_is_1_when_nobody_was_told() -> None:
    assert exit_code(Outcome(job=a_job()), is_samples=True) == 1


def test_a_failed_document_is_printed_with_code_and_hint() -> None:
    console = Console(file=io.StringIO(), width=160)
    error = {"code": "encrypted", "message": "needs a password", "hint": "send it without"}

    print_job(console, a_job(), [a_row(status="failed", error=error)], 1.0, Observed())

    assert isinstance(console.file, io.StringIO)
    assert "failed a.pdf: encrypted: needs a password (send it without)" in console.file.getvalue()


def test_times_are_given_for_waiting_and_work() -> None:
    stages = Observed().stages(a_job(), a_row())

    assert stages == (1.0, 3.0, 0.0)


def test_a_document_that_has_not_ended_has_no_times() -> None:
    assert Observed().stages(a_job(), a_row(finished_at=None)) is None


def test_a_hit_is_printed_with_document_and_page() -> None:
    console = Console(file=io.StringIO(), width=160)
    hit = {"name": "a [1].pdf", "page_first": 3, "page_last": 3, "score": 0.5, "text": "some\ntext"}

    print_hits(console, "what?", [hit])

    assert isinstance(console.file, io.StringIO)
    assert "1. a [1].pdf, page 3  score 0.500" in console.file.getvalue()
    assert "some text" in console.file.getvalue()
