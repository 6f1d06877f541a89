"""A soak from the first document to the report; called by `python -m local soak`."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from local.client import Client, Refused
from local.deploy import client
from local.receiver import Receiver
from local.soak.audit import Held, Promised, differences, documents_of, still_due
from local.soak.clients import COLLECTION, TERMINAL, Crew, Inbox, Surroundings
from local.soak.killer import Killer
from local.soak.ledger import Ledger, Record, jobs_of, log_errors, rows_of
from local.soak.plan import SHARES, Wanted, contents, errands, job_request
from local.stack import WATCH_SECONDS, Stack

CLEAN: Final = "clean"  # the collection of the run that nobody disturbs
CLEAN_SECONDS: Final = 120
# After the last document: the grace period of the dead runs, and poison that is received five times.
REST_SECONDS: Final = 300
LOOK_SECONDS: Final = 3.0
# A few messages that nobody can read, in queues whose functions stop for nothing else; five times hidden for 40 s.
POISON_QUEUES: Final = ("ExtractQueue", "EmbedQueue", "ControlQueue")
POISON_AT: Final = 100  # documents; a shorter soak does not wait for them
SHOWN_MOST: Final = 20
SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
REFUSED_EACH: Final = 5  # of these events one is not taken at first


@dataclass(frozen=True, slots=True)
class Result:
    """What a soak found."""

    wanted: Wanted
    settled: int  # documents whose client is done with them
    seconds: float  # from the first request to the last answer
    waits: list[float]  # seconds from a document's request until it was ready
    kills: Counter[str]
    repeats: int
    jobs: int
    states: Counter[str]
    heard: int  # events that came by webhook, some of them twice
    chunks: int
    errors: Mapping[str, int]
    findings: list[str]


class _Reluctant:
    """Whoever is told, and takes some events only when they come again."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, id_: str) -> bool:
        first = id_ not in self._seen
        self._seen.add(id_)
        return first and len(self._seen) % REFUSED_EACH == 0


def soak(stack: Stack, wanted: Wanted) -> Result:
    """Do it; the stack is at rest before and, unless there are findings, after it."""
    with Receiver(refuses=_Reluctant()) as receiver:
        return _soak(stack, wanted, receiver)


def _soak(stack: Stack, wanted: Wanted, receiver: Receiver) -> Result:
    ledger = Ledger(stack)
    clean = _ingest_clean(stack, ledger)
    buried = _send_poison(ledger) if wanted.documents >= POISON_AT else 0
    assert stack.deployed is not None
    killer = Killer(_functions(stack), stack.process_ids["emulator"], wanted.seed)
    inbox = Inbox(stack.deployed.resources["UploadsBucket"], client("s3", stack.endpoint))
    webhook = {"type": "webhook", "url": receiver.url, "secret": SECRET}
    began = time.monotonic()
    crew = Crew(Surroundings(stack.url, inbox, webhook, began + wanted.minutes * 60), errands(wanted))
    crew.start(wanted.clients)
    told = began
    while crew.busy:
        stack.watch()
        killer.tick()
        if time.monotonic() - told > 30:
            told = time.monotonic()
            stack.say(f"{crew.notes.settled} of {wanted.documents} documents, {killer.kills.total()} kills")
        time.sleep(WATCH_SECONDS)
    seconds = time.monotonic() - began
    notes = crew.notes
    _cancel_orphans(Client(stack.url), ledger)
    findings = notes.troubles + _come_to_rest(stack, ledger, buried)
    held = _held(ledger)
    unrecorded = killer.kills["api"] * max(most for _, most in SHARES.values())  # a request at a time
    heard = receiver.all_verified(SECRET)
    findings += differences(held, Promised(notes.fates, notes.jobs, clean, buried, heard, unrecorded))
    findings += _collection(Client(stack.url), held)
    return Result(
        wanted=wanted,
        settled=notes.settled,
        seconds=seconds,
        waits=sorted(_waits(held.records)),
        kills=killer.kills,
        repeats=notes.repeats,
        jobs=len(jobs_of(held.records)) - 1,
        states=Counter(str(document["state"]) for document in documents_of(held.records)),
        heard=len(heard),
        chunks=sum(entry.collection == COLLECTION for entry in held.indexed),
        errors=log_errors(stack.layout.places.logs),
        findings=findings,
    )


def _functions(stack: Stack) -> dict[str, str]:
    assert stack.deployed is not None
    resources = stack.deployed.resources.items()
    return {name: logical.removesuffix("Function").lower() for logical, name in resources if "Function" in logical}


def _ingest_clean(stack: Stack, ledger: Ledger) -> dict[str, frozenset[Any]]:
    """What each content comes to when nobody disturbs: its chunks in the index."""
    api = Client(stack.url)
    groups: dict[str, dict[str, Any]] = {}
    for name, content in contents().items():
        groups.setdefault(str(content.options), {})[name] = content
    jobs = [api.post("/jobs", job_request(CLEAN, group, {}))["id"] for group in groups.values()]
    deadline = time.monotonic() + CLEAN_SECONDS
    while not all(api.get(f"/jobs/{job}")["status"] in TERMINAL for job in jobs) and time.monotonic() < deadline:
        stack.watch()
        time.sleep(1)
    found: dict[str, set[Any]] = {name: set() for name in contents()}
    for entry in ledger.indexed():
        found[entry.document].add(entry.passage)
    return {name: frozenset(passages) for name, passages in found.items()}


def _send_poison(ledger: Ledger) -> int:
    for queue in POISON_QUEUES:
        ledger.send(queue, f"nobody can read this in {queue}")
    return len(POISON_QUEUES)


def _cancel_orphans(api: Client, ledger: Ledger) -> None:
    """A form whose answer was lost with its worker waits for a file that nobody will send."""
    for job, row in rows_of(ledger.records()):
        if row["state"] == "awaiting_upload":
            api.post(f"/jobs/{job}/cancel", {})


def _come_to_rest(stack: Stack, ledger: Ledger, buried: int) -> list[str]:
    """Wait until nothing is due and no message is left; what is due all the same when the time is over."""
    deadline = time.monotonic() + REST_SECONDS
    while True:
        pause = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < pause:
            stack.watch()
            time.sleep(WATCH_SECONDS)
        due = still_due(ledger.records())
        graves = sum(key.startswith("buried/") for key in ledger.objects("DataBucket"))
        if not due and not ledger.messages() and graves >= buried:
            return []
        if time.monotonic() > deadline:
            return [f"{record} is still due" for record in due]


def _held(ledger: Ledger) -> Held:
    return Held(
        records=ledger.records(),
        indexed=list(ledger.indexed()),
        data=ledger.objects("DataBucket"),
        uploads=ledger.objects("UploadsBucket"),
        messages=ledger.messages(),
    )


def _collection(api: Client, held: Held) -> Iterator[str]:
    """The collection's own counts, as readers see them."""
    try:
        told = api.get(f"/collections/{COLLECTION}")
    except Refused as refused:
        return iter([f"the collection cannot be read: {refused}"])
    visible = [document["visible"] for document in documents_of(held.records) if document.get("visible")]
    wanted = (len(visible), sum(int(version["chunks"]) for version in visible))
    found = (told["documents"], told["chunks"])
    return iter([] if found == wanted else [f"the collection counts {found} documents and chunks, not {wanted}"])


def _waits(records: Sequence[Record]) -> Iterator[float]:
    jobs = jobs_of(records)
    for job, row in rows_of(records):
        if row["state"] == "ready" and jobs[job]["kind"] == "ingest" and jobs[job]["collection"] == COLLECTION:
            yield _seconds(row["finished"]) - _seconds(str(jobs[job].get("restarted") or jobs[job]["created"]))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def report(result: Result) -> str:
    """The figures and the findings, for a person."""
    waits, wanted = result.waits, result.wanted
    kills = ", ".join(f"{kind} {count}" for kind, count in sorted(result.kills.items()))
    states = ", ".join(f"{count} {state}" for state, count in sorted(result.states.items()))
    errors = ", ".join(f"{name} {count}" for name, count in result.errors.items())
    again = f"SOAK_SEED={wanted.seed} SOAK_DOCUMENTS={wanted.documents} SOAK_CLIENTS={wanted.clients}"
    pace = result.settled / max(result.seconds, 1)
    lines = [
        f"documents   {result.settled} of {wanted.documents} by {wanted.clients} clients in {result.seconds:.0f} s",
        f"they are    {states}; {result.chunks} chunks in the index; {result.jobs} jobs",
        f"pace        {pace:.2f} documents a second",
        f"ready after p50 {_share(waits, 0.5):.1f} s, p95 {_share(waits, 0.95):.1f} s, {len(waits)} runs",
        f"killed      {result.kills.total()} workers: {kills}; {result.repeats} requests were sent again",
        f"told        {result.heard} times by webhook",
        f"log errors  {errors or 'none'}",
        *(f"FOUND       {finding}" for finding in result.findings[:SHOWN_MOST]),
        *([f"... and {len(result.findings) - SHOWN_MOST} more"] if len(result.findings) > SHOWN_MOST else []),
        f"{'failed' if result.findings else 'passed'}: every document once, counts exact, all told, nothing left over",
        f"repeat by   make soak {again}",
    ]
    return "\n".join(lines)


def _share(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
