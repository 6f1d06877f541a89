"""`make demo`: take a folder of documents through a running stack and ask a question; called by `python -m local`."""

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from local.client import Client, Refused
from local.memory import PeakMemory
from local.receiver import Receiver
from local.report import Bar, Observed, print_hits, print_job, print_memory, print_refusals, print_told
from local.stack import ROOT, Stack

SAMPLES: Final = ROOT / "local/samples"
ABOUT_THE_SAMPLES: Final = "LICENCES.md"
QUESTION: Final = "How do I change an LDAP password with eldap?"
COLLECTION: Final = "demo"
RESULT: Final = ROOT / ".forebay/demo.json"
DOCUMENTS_A_JOB: Final = 1000  # the API's limit for one request
ID_CHARACTERS: Final = 255
POLL_SECONDS: Final = 0.4
# A job that shows no progress for so long is given up; a killed worker's document is done again within two minutes.
PATIENCE_SECONDS: Final = 240
TOLD_WITHIN_SECONDS: Final = 60  # of the job's end
TERMINAL: Final = frozenset({"succeeded", "partially_succeeded", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class Request:
    """What the person asked for."""

    documents: Path | None  # None = the samples of this repository
    query: str  # "" = the samples' question, or none for a folder of one's own


@dataclass(frozen=True, slots=True)
class NotSent:
    """A file that did not become a document of the job, and why."""

    name: str
    reason: str


@dataclass(slots=True)
class Outcome:
    """What happened, as it becomes known."""

    not_sent: list[NotSent] = field(default_factory=list)
    job: dict[str, Any] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    observed: Observed = field(default_factory=Observed)
    secret: str = ""  # of the webhook; shown once, with the accepted job
    told: dict[str, Any] | None = None  # the job's event, once it came by webhook and was verified


def show(stack: Stack, request: Request) -> int:
    """Run the demonstration, print it, write `.forebay/demo.json`; returns the exit code."""
    console = Console(highlight=False)
    folder = request.documents or SAMPLES
    assert stack.deployed is not None
    resources = stack.deployed.resources.items()
    functions = {
        name: logical.removesuffix("Function").lower() for logical, name in resources if logical.endswith("Function")
    }
    client = Client(stack.url)
    with PeakMemory(functions, stack.process_ids) as memory, Receiver() as receiver:
        outcome = ingest(client, folder, stack, Bar(console), receiver.url)
        print_refusals(console, [(skipped.name, skipped.reason) for skipped in outcome.not_sent])
        if not outcome.job:
            console.print("[red]error:[/red] no document could be sent")
            return 1
        print_job(console, outcome.job, outcome.rows, outcome.seconds, outcome.observed)
        if outcome.job["status"] in TERMINAL:
            outcome.told = receiver.verified(outcome.secret, TOLD_WITHIN_SECONDS)
            print_told(console, outcome.told)
        query = request.query or (QUESTION if request.documents is None else "")
        hits = _ask(client, console, query)
    print_memory(console, memory.peaks)
    write_result(outcome, query, hits)
    return exit_code(outcome, is_samples=request.documents is None)


def ingest(client: Client, folder: Path, stack: Stack, bar: Bar, webhook: str) -> Outcome:
    """Upload every file, start one job over them that is to be told of at `webhook`, follow it to its end."""
    outcome = Outcome()
    files = [(name, file) for name, file in find_files(folder, outcome.not_sent) if file != SAMPLES / ABOUT_THE_SAMPLES]
    for name, _ in files[DOCUMENTS_A_JOB:]:
        outcome.not_sent.append(NotSent(name, f"one job takes {DOCUMENTS_A_JOB} documents"))
    began = time.monotonic()
    with bar:
        documents = list(_uploaded(client, bar.over("uploading", files[:DOCUMENTS_A_JOB]), outcome.not_sent))
        if not documents:
            return outcome
        try:
            callbacks = [{"type": "webhook", "url": webhook}]
            wanted = {"collection": COLLECTION, "documents": documents, "callbacks": callbacks}
            outcome.job = client.post("/jobs", wanted)
            outcome.secret = outcome.job["callbacks"][0]["secret"]
        except Refused as refused:
            outcome.not_sent.append(NotSent("the job", str(refused)))
            return outcome
        for job, rows in _followed(client, outcome.job["id"], stack):
            outcome.job, outcome.rows = job, rows
            outcome.observed.see(rows)
            bar.show(job, rows)
    outcome.seconds = round(time.monotonic() - began, 2)
    return outcome


def find_files(folder: Path, not_sent: list[NotSent]) -> Iterator[tuple[str, Path]]:
    """Yield (document id, file) of every regular file below the folder in order; hidden ones are left alone.

    The id is the path inside the folder. What cannot be read or named goes to `not_sent`.
    """
    seen: set[str] = set()
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            file = Path(place) / name
            shown = os.fsencode(file.relative_to(folder)).decode("utf-8", "replace")
            if not file.is_file():
                not_sent.append(NotSent(shown, "not a regular file"))
            elif not os.access(file, os.R_OK):
                not_sent.append(NotSent(shown, "not readable"))
            elif shown in seen:
                not_sent.append(NotSent(shown, "its name is not UTF-8 and reads like another's"))
            elif len(shown) > ID_CHARACTERS or not shown.isprintable():
                not_sent.append(
                    NotSent(shown[:80], f"its path is no document id (1 to {ID_CHARACTERS} printable characters)")
                )
            else:
                seen.add(shown)
                yield shown, file


def _uploaded(client: Client, files: Iterable[tuple[str, Path]], not_sent: list[NotSent]) -> Iterator[dict[str, Any]]:
    """Yield one document of a job's request per file that could be uploaded."""
    for name, file in files:
        wanted = {"collection": COLLECTION, "name": name, "size_bytes": file.stat().st_size, "start": False}
        try:
            upload = client.post("/uploads", wanted)
            client.send_file(upload, file.read_bytes())
        except (Refused, OSError) as error:
            not_sent.append(NotSent(name, str(error)))
            continue
        yield {"id": name, "name": name, "source": {"type": "upload", "upload_id": upload["upload_id"]}}


def _followed(client: Client, job_id: str, stack: Stack) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield (job, rows) again and again until it has ended; gives up when nothing changes any more."""
    last: object = None
    changed = time.monotonic()
    while True:
        stack.watch()
        job = client.get(f"/jobs/{job_id}")
        rows = list(_rows(client, job_id))
        seen = [(row["status"], row["chunks"]) for row in rows]
        if seen != last:
            last, changed = seen, time.monotonic()
        yield job, rows
        if job["status"] in TERMINAL or time.monotonic() - changed > PATIENCE_SECONDS:
            return
        time.sleep(POLL_SECONDS)


def _rows(client: Client, job_id: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        page = client.get(f"/jobs/{job_id}/documents", limit=100, cursor=cursor)
        yield from page["data"]
        cursor = page.get("next_cursor")
        if not cursor:
            return


def _ask(client: Client, console: Console, query: str) -> list[dict[str, Any]]:
    if not query:
        return []
    try:
        hits: list[dict[str, Any]] = client.post("/search", {"collection": COLLECTION, "query": query, "limit": 5})[
            "data"
        ]
    except Refused as refused:
        console.print(f"[red]search:[/red] {refused}")
        return []
    print_hits(console, query, hits)
    return hits


def write_result(outcome: Outcome, query: str, hits: list[dict[str, Any]]) -> None:
    """Leave the figures for programs, and for the README."""
    counts = outcome.job["counts"]
    result = {
        "job": outcome.job["id"],
        "status": outcome.job["status"],
        "documents": counts["documents"]["total"],
        "chunks": counts["chunks"]["total"],
        "seconds": outcome.seconds,
        "search": {"query": query, "hits": hits},
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def exit_code(outcome: Outcome, *, is_samples: bool) -> int:
    """0, or 1 when the job did not end or was not told of, or when not all of the samples became searchable."""
    documents = outcome.job["counts"]["documents"]
    if outcome.job["status"] not in TERMINAL or outcome.told is None:
        return 1
    all_there = documents["ready"] + documents["unchanged"] == documents["total"] and not outcome.not_sent
    return 0 if all_there or not is_samples else 1
