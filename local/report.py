"""What the demo prints: a bar, a table, hits, memory; called by `local.demo`."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

Item = TypeVar("Item")
EXTRACTED: Final = frozenset({"indexing", "ready", "unchanged"})
SNIPPET_CHARACTERS: Final = 220
MEBIBYTE: Final = 1024 * 1024


class Bar:
    """A live progress bar on a terminal; a line at the end elsewhere."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console)
        self._job = self._progress.add_task("waiting", total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def over(self, what: str, items: Sequence[Item]) -> Iterator[Item]:
        """Yield the items and show how many are through."""
        task = self._progress.add_task(what, total=len(items))
        for item in items:
            yield item
            self._progress.advance(task)

    def show(self, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
        """Show a job as it is now: documents in words, and the bar over the chunks that are known so far."""
        documents = job["counts"]["documents"]
        ended = documents["total"] - documents["queued"] - documents["running"]
        words = f"{job['status']}: {ended} of {documents['total']} documents, chunks"
        chunks = [sum(row["chunks"][which] for row in rows) for which in ("done", "total")]
        self._progress.update(self._job, description=words, completed=chunks[0], total=chunks[1] or None, visible=True)


class Observed:
    """When each document was first seen past extraction: the API gives the beginning and the end, not the middle."""

    def __init__(self) -> None:
        self._extracted: dict[str, float] = {}

    def see(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Look at the rows of the job as they are now."""
        now = time.time()
        for row in rows:
            if row["status"] in EXTRACTED:
                self._extracted.setdefault(row["id"], now)

    def stages(self, job: Mapping[str, Any], row: Mapping[str, Any]) -> tuple[float, float, float] | None:
        """Seconds (waited, extracting, indexing) of a document, or None when it has not begun or not ended."""
        if not row["started_at"] or not row["finished_at"]:
            return None
        asked, began, ended = (_seconds(t) for t in (job["created_at"], row["started_at"], row["finished_at"]))
        extracted = min(max(self._extracted.get(row["id"], ended), began), ended)
        return max(began - asked, 0.0), extracted - began, ended - extracted


def _seconds(time_text: str) -> float:
    return datetime.fromisoformat(time_text).timestamp()


def print_refusals(console: Console, refusals: Iterable[tuple[str, str]]) -> None:
    """Name each file that is not part of the job."""
    for name, reason in refusals:
        console.print(f"[yellow]not sent[/yellow] {escape(name)}: {escape(reason)}")


def print_job(
    console: Console, job: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], seconds: float, observed: Observed
) -> None:
    """The table of documents, the sums, and why documents failed."""
    table = Table(title=f"{job['id']}: {job['status']}", title_justify="left", header_style="bold")
    table.add_column("Document", overflow="fold", min_width=22)
    table.add_column("Status")
    for name in ("Pages", "Chunks", "Wait s", "Extract", "Index"):
        table.add_column(name, justify="right")
    sums = [0.0, 0.0, 0.0]
    for row in sorted(rows, key=lambda row: str(row["name"])):
        stages = observed.stages(job, row)
        sums = [total + own for total, own in zip(sums, stages or (0, 0, 0), strict=True)]
        times = [f"{own:.1f}" for own in stages] if stages else ["-"] * 3
        table.add_row(escape(row["name"]), row["status"], str(row["pages"] or "-"), str(row["chunks"]["total"]), *times)
    table.add_section()
    pages, chunks = sum(row["pages"] or 0 for row in rows), job["counts"]["chunks"]["total"]
    table.add_row(f"{len(rows)} documents", "", str(pages), str(chunks), *(f"{total:.1f}" for total in sums))
    console.print(table)
    console.print(f"{len(rows)} documents, {pages} pages, {chunks} chunks in {seconds:.1f} s")
    for row in rows:
        if error := row["error"]:
            hint = f" ({error['hint']})" if error.get("hint") else ""
            words = escape(f"{row['name']}: {error['code']}: {error['message']}{hint}")
            console.print(f"[red]{row['status']}[/red] {words}")


def print_told(console: Console, event: Mapping[str, Any] | None) -> None:
    """What came by webhook."""
    if event is None:
        console.print("[red]not told[/red] of the job's end by webhook; see the logs of the run")
    else:
        console.print(f"told by webhook: {event['type']}, signature verified")


def print_hits(console: Console, query: str, hits: Sequence[Mapping[str, Any]]) -> None:
    """The question and where the answer is."""
    console.print(f"\n[bold]Question:[/bold] {escape(query)}")
    if not hits:
        console.print("nothing found")
    for number, hit in enumerate(hits, 1):
        first, last = hit["page_first"], hit["page_last"]
        page = "" if first is None else f", page {first}" if first == last else f", pages {first} to {last}"
        console.print(f"[bold]{number}. {escape(hit['name'])}{page}[/bold]  score {hit['score']:.3f}")
        text = " ".join(hit["text"].split())
        console.print("   " + escape(text[:SNIPPET_CHARACTERS] + ("…" if len(text) > SNIPPET_CHARACTERS else "")))


def print_memory(console: Console, peaks: Mapping[str, int]) -> None:
    """The most memory that one process of each kind had."""
    shown = [f"{kind} {size / MEBIBYTE:.0f} MB" for kind, size in sorted(peaks.items()) if kind != "other" and size]
    console.print("\n[bold]Memory[/bold] (peak of one process): " + ", ".join(shown))
