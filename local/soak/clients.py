"""The clients of a soak: threads that run errands over the API as users do, and note what has to come of them."""

import hashlib
import queue
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

from local.client import Client, Refused
from local.soak.plan import Content, Errand, Kind, job_request

COLLECTION: Final = "soak"
TENANT: Final = "local"  # what requests without a key act as on a laptop
TERMINAL: Final = frozenset({"succeeded", "partially_succeeded", "failed", "canceled"})
UNWELL: Final = frozenset({0, 429, 500, 502, 503, 504})  # asked again: the worker was killed, or the stack is busy
POLL_SECONDS: Final = 1.5
EVERYTHING: Final = ("forebay.*",)  # types of events; without, callbacks are told of the job's end only

Value = TypeVar("Value")


class OutOfTime(Exception):
    """The soak's minutes are over."""


@dataclass(slots=True)
class Notes:
    """What the clients know together; each document and each job is written by one client only."""

    fates: dict[str, Content | None] = field(default_factory=dict)  # document -> what readers must see of it
    jobs: dict[str, str] = field(default_factory=dict)  # job -> status, as its client saw it end
    troubles: list[str] = field(default_factory=list)
    repeats: int = 0  # requests that had to be sent again

    @property
    def settled(self) -> int:
        """How many documents are through."""
        return len(self.fates)


@dataclass(frozen=True, slots=True)
class Inbox:
    """The uploads bucket, for those who may write to it."""

    bucket: str
    storage: Any  # boto3 client

    def put(self, document: str, content: Content) -> None:
        """Put the document's file."""
        self.storage.put_object(Bucket=self.bucket, Key=self._key(document), Body=content.data)

    def delete(self, document: str) -> None:
        """Delete the document's file."""
        self.storage.delete_object(Bucket=self.bucket, Key=self._key(document))

    def _key(self, document: str) -> str:
        return f"inbox/{TENANT}/{COLLECTION}/{document}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the clients work with."""

    url: str  # of the stack
    inbox: Inbox
    webhook: Mapping[str, str]  # the callback of each job: URL and secret
    deadline: float  # on the monotonic clock


class Crew:
    """Clients at work on a list of errands."""

    def __init__(self, surroundings: Surroundings, errands: Iterable[Errand]) -> None:
        self.notes = Notes()
        self._surroundings = surroundings
        self._waiting: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        for errand in errands:
            self._waiting.put(errand)
        self._threads: list[threading.Thread] = []

    def start(self, clients: int) -> None:
        """Let so many clients begin."""
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    @property
    def busy(self) -> bool:
        """Is a client still at work?"""
        return any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        client = Client(self._surroundings.url)
        while True:
            try:
                errand = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                _Run(errand, client, self._surroundings, self.notes).run()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding, and the others go on
                self.notes.troubles.append(f"errand {errand.number} ({errand.kind}): {type(error).__name__}: {error}")


class _Run:
    """One errand."""

    def __init__(self, errand: Errand, client: Client, surroundings: Surroundings, notes: Notes) -> None:
        self._errand = errand
        self._client = client
        self._inbox = surroundings.inbox
        self._deadline = surroundings.deadline
        self._callbacks = [{**surroundings.webhook, **({"events": EVERYTHING} if errand.hears_all else {})}]
        self._notes = notes
        self._chance = random.Random(errand.seed)
        self._first, self._last = errand.contents[0], errand.contents[-1]

    def run(self) -> None:
        """Do it to its end; raises what goes wrong."""
        _STEPS[self._errand.kind](self)

    # -- kinds -------------------------------------------------------------------------------------------------------

    def ingest(self) -> None:
        """Every document is ready in the end."""
        job = self._submit(self._first)
        self._expect(self._follow(job), "succeeded")
        self._all_show(self._first)

    def ingest_twice(self) -> None:
        """Whatever the first request comes to, the second decides."""
        first = self._submit(self._first)
        self._next_step(first)
        second = self._submit(self._last)
        self._expect(self._follow(second), "succeeded")
        self._follow(first)
        self._all_show(self._last)

    def cancel(self) -> None:
        """What is not ready when the answer comes never will be."""
        job = self._submit(self._first)
        self._pause()
        self._insist(lambda: self._client.post(f"/jobs/{job}/cancel", {}))
        self._follow(job)
        for row in self._rows(job):
            self._notes.fates[row["id"]] = self._first if row["status"] == "ready" else None

    def cancel_and_restart(self) -> None:
        """What was canceled is done by the restart."""
        job = self._submit(self._first)
        self._pause()
        self._insist(lambda: self._client.post(f"/jobs/{job}/cancel", {}))
        self._follow(job)
        self._insist(lambda: self._client.post(f"/jobs/{job}/restart", {}), fine=409)  # 409: the first try was served
        self._expect(self._follow(job), "succeeded")
        self._all_show(self._first)

    def delete(self) -> None:
        """Nothing of it is left."""
        job = self._submit(self._first)
        self._next_step(job)
        (document,) = self._errand.documents
        deletion = self._insist(lambda: self._client.delete(f"/collections/{COLLECTION}/documents/{document}"))
        self._expect(self._follow(deletion["id"]), "succeeded")
        self._follow(job)
        self._all_show(None)

    def upload(self) -> None:
        """The file's arrival starts the job."""
        (document,) = self._errand.documents
        content = self._first
        wanted = {
            "collection": COLLECTION,
            "name": content.name,
            "document_id": document,
            "size_bytes": len(content.data),
            "callbacks": self._callbacks,
        }
        form = self._insist(lambda: self._client.post("/uploads", wanted))
        self._client.send_file(form, content.data)
        self._expect(self._follow(form["job_id"]), "succeeded")
        self._all_show(content)

    def put(self) -> None:
        """The last version that was put is what readers see."""
        (document,) = self._errand.documents
        self._inbox.put(document, self._first)
        if not self._errand.at_once:
            self._until(lambda: self._shows(document, self._first))
        self._pause()
        self._inbox.put(document, self._last)
        self._until(lambda: self._shows(document, self._last))
        self._all_show(self._last)

    def put_and_delete(self) -> None:
        """A file that is deleted takes its document along."""
        (document,) = self._errand.documents
        self._inbox.put(document, self._first)
        if not self._errand.at_once:
            self._until(lambda: self._shows(document, self._first))
        self._pause()
        self._inbox.delete(document)
        self._until(lambda: self._found(document) is None)
        self._all_show(None)

    def poison(self) -> None:
        """The broken file fails, those beside it become ready."""
        broken, *good = self._errand.documents
        given = {broken: self._first} | dict.fromkeys(good, self._last)
        job = self._post(given)
        self._expect(self._follow(job), "partially_succeeded" if good else "failed")
        self._notes.fates |= {broken: None} | dict.fromkeys(good, self._last)

    # -- steps -------------------------------------------------------------------------------------------------------

    def _submit(self, content: Content) -> str:
        return self._post(dict.fromkeys(self._errand.documents, content))

    def _post(self, documents: dict[str, Content]) -> str:
        body = job_request(COLLECTION, documents, {"errand": self._errand.number}) | {"callbacks": self._callbacks}
        key = f"{self._errand.seed}-{self._chance.random()}"
        return str(self._insist(lambda: self._client.post("/jobs", body, key))["id"])

    def _next_step(self, job: str) -> None:
        if not self._errand.at_once:
            self._follow(job)
        self._pause()

    def _pause(self) -> None:
        time.sleep(self._errand.pause_seconds)

    def _follow(self, job: str) -> str:
        """The status in which the job ends."""

        def ended() -> str | None:
            status = str(self._insist(lambda: self._client.get(f"/jobs/{job}"))["status"])
            return status if status in TERMINAL else None

        self._notes.jobs[job] = self._until(ended)
        return self._notes.jobs[job]

    def _rows(self, job: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._insist(lambda: self._client.get(f"/jobs/{job}/documents", limit=100))["data"]
        return rows

    def _found(self, document: str) -> dict[str, Any] | None:
        path = f"/collections/{COLLECTION}/documents?id={quote(document, safe='')}"
        found = self._insist(lambda: self._client.get(path), fine=404).get("data", [])
        return found[0] if found else None

    def _shows(self, document: str, content: Content) -> bool:
        found = self._found(document)
        wanted = hashlib.sha256(content.data).hexdigest()
        return found is not None and found["status"] == "ready" and found["content_sha256"] == wanted

    def _expect(self, status: str, wanted: str) -> None:
        if status != wanted:
            raise AssertionError(f"a job ended {status}, not {wanted}")

    def _all_show(self, content: Content | None) -> None:
        self._notes.fates |= dict.fromkeys(self._errand.documents, content)

    def _until(self, look: Callable[[], Value | None]) -> Value:
        while not (found := look()):
            time.sleep(POLL_SECONDS * self._chance.uniform(0.5, 1.5))
            self._mind_the_time()
        return found

    def _insist(self, ask: Callable[[], dict[str, Any]], fine: int = 0) -> dict[str, Any]:
        """Ask until there is an answer; a refusal with the status `fine` is one, too, an empty one."""
        while True:
            try:
                return ask()
            except Refused as refused:
                if refused.status == fine:
                    return {}
                if refused.status not in UNWELL:
                    raise
            self._notes.repeats += 1
            self._mind_the_time()
            time.sleep(self._chance.uniform(0.2, 1.0))

    def _mind_the_time(self) -> None:
        if time.monotonic() > self._deadline:
            raise OutOfTime("the time is over")


_STEPS: Final[dict[Kind, Callable[[_Run], None]]] = {
    Kind.TEXT: _Run.ingest,
    Kind.FILE: _Run.ingest,
    Kind.LONG: _Run.ingest,
    Kind.REPLACED: _Run.ingest_twice,
    Kind.UNCHANGED: _Run.ingest_twice,
    Kind.CANCELED: _Run.cancel,
    Kind.RESTARTED: _Run.cancel_and_restart,
    Kind.DELETED: _Run.delete,
    Kind.UPLOAD: _Run.upload,
    Kind.INBOX: _Run.put,
    Kind.VANISHED: _Run.put_and_delete,
    Kind.POISON: _Run.poison,
}
