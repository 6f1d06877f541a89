"""What must always hold, looked at after every effect, and what must hold at rest.

Always: a visible run is whole in the index and in the object store; a run that lost its document never becomes
visible; states move along the table only; final rows and jobs do not change; counters are the sums of their rows;
collections count what is visible; a job has at most one event. At rest: everything ended, nothing is left over.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Mapping

from forebay.domain import keys
from forebay.domain.document import RunId
from forebay.domain.job import JobKind, counts_of, job_of
from forebay.domain.records import Key, Record, number, text
from forebay.domain.stored_document import Document, document_of
from forebay.domain.transitions import OPEN_JOBS, OPEN_ROWS, WITHIN_A_RUN, DocumentState, JobState, RowState
from tests.simulation.world import World

_FINAL_JOBS = tuple(state for state in JobState if state not in OPEN_JOBS)
_ROW_COUNTED = {"ready": "ready", "unchanged": "unchanged", "failed": "failed", "canceled": "canceled"}


def _is_final(row: Record) -> bool:
    return RowState(text(row, "state")) not in OPEN_ROWS


class Auditor:
    """Looks at a world after every effect; what it finds is in `violations`."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.violations: list[str] = []
        self._seen: dict[Key, Record] = {}
        self._documents: dict[Key, Document] = {}
        self._rows: dict[str, dict[Key, Record]] = defaultdict(dict)
        self._counters: dict[str, dict[Key, Record]] = defaultdict(dict)
        self._lost: set[RunId] = set()  # runs that must never be visible (again)
        self._heard = 0
        world.tape.look = self.look

    # -- always --------------------------------------------------------------------------------------------------

    def look(self, name: str) -> None:
        """One effect has happened."""
        found = [*self._changes(), *self._index_holds_what_is_visible(name), *self._events()]
        self.violations += [f"after {name} (call {len(self.world.tape.calls)}): {violation}" for violation in found]

    def _changes(self) -> Iterator[str]:
        records = self.world.records()
        changed = [
            (key, self._seen.get(key), record)
            for key, record in records.items()
            if self._seen.get(key) is not record and self._seen.get(key) != record
        ]
        if not changed and len(records) == len(self._seen):
            return
        for key in [key for key in self._seen if key not in records]:
            if not key.sk.startswith("COL#"):
                yield f"{key} was removed"
        self._seen = dict(records)
        jobs = set()
        for key, before, after in changed:
            kind, owner = key.sk.partition("#")[0], key.pk.split("#")
            if kind == "D":
                yield from self._document(key, before, after)
            elif owner[0] == "JOB":
                jobs.add(owner[1])
                yield from self._job_record(key, kind, before, after)
        for job in jobs:
            yield from self._sums(job)
        if any(key.sk.startswith("D#") or key.sk == "COUNT" for key, _, _ in changed):
            yield from self._collections()

    def _document(self, key: Key, before: Record | None, after: Record) -> Iterator[str]:
        new, old = document_of(after), document_of(before) if before is not None else None
        self._documents[key] = new
        if old is None:
            if new.state not in (DocumentState.QUEUED, DocumentState.DELETING):
                yield f"{key.sk} was born {new.state}"
            return
        if new.run != old.run:
            if new.state not in (DocumentState.QUEUED, DocumentState.DELETING):
                yield f"{key.sk} got a run in state {new.state}"
            if old.visible is None or old.visible.run != old.run:
                self._lost.add(old.run)
        elif new.state is not old.state and new.state not in WITHIN_A_RUN[old.state]:
            yield f"{key.sk} moved from {old.state} to {new.state} within a run"
        if old.visible is not None and (new.visible is None or new.visible.run != old.visible.run):
            self._lost.add(old.visible.run)
        if new.visible is not None and (old.visible is None or new.visible.run != old.visible.run):
            if new.visible.run in self._lost:
                yield f"{key.sk} shows {new.visible.run}, which had lost it"
            if (new.visible.run, DocumentState.READY) != (new.run, new.state):
                yield f"{key.sk} shows {new.visible.run} while ({new.run}, {new.state}) holds it"
            found = sum(1 for run, _ in self.world.index._visible if run == new.visible.run)
            if found != new.visible.chunks:
                yield f"{key.sk} shows {new.visible.chunks} chunks, of which a search finds {found}"
        yield from self._is_whole(new, self.world.chunks())

    def _is_whole(self, document: Document, chunks: Tally[RunId]) -> Iterator[str]:
        seen = document.visible
        if seen is None:
            return
        if chunks[seen.run] != seen.chunks:
            yield f"{document.key} shows {seen.chunks} chunks, the index has {chunks[seen.run]}"
        stored = self.world.data_objects()
        for batch in range(seen.batches):
            if keys.batch_object(seen.run, seen.attempt, batch) not in stored:
                yield f"{document.key} shows a run whose batch {batch} is not in the object store"

    def _job_record(self, key: Key, kind: str, before: Record | None, after: Record) -> Iterator[str]:
        job = key.pk.split("#")[1]
        if kind == "R":
            self._rows[job][key] = after
            if before is not None and _is_final(before):
                yield f"the final row {key} changed"
        elif kind == "COUNT":
            self._counters[job][key] = after
        elif (
            before is not None
            and text(before, "state") in _FINAL_JOBS
            and text(after, "state") != text(before, "state")
        ):
            yield f"the ended {key.pk} changed its state"

    def _sums(self, name: str) -> Iterator[str]:
        record = self._seen.get(Key(f"JOB#{name}", "META"))
        if record is None:
            yield f"job {name} has rows but no record"
            return
        job, rows = job_of(record), self._rows[name]
        for key, counter in self._counters[name].items():
            mine = [row for row in rows.values() if text(row, "pk") == key.pk]
            states = Tally(text(row, "state") for row in mine if _is_final(row))
            counted = {state: number(counter, state) for state in _ROW_COUNTED if number(counter, state)}
            if counted != dict(states):
                yield f"{key.pk} counts {counted}, its rows are {dict(states)}"
            left, unended = number(counter, "left"), sum(1 for row in mine if not _is_final(row))
            more = int(job.kind is JobKind.DELETE and job.expanding)
            if left != unended + more and not (job.expanding or job.ended):
                yield f"{key.pk} says {left} left, {unended + more} rows are open"
            if left < unended:
                yield f"{key.pk} says {left} left, {unended} rows are open"
        if self._counters[name] and not (job.kind is JobKind.DELETE and job.expanding):
            told = sum(number(c, "left") + counts_of(c).ended for c in self._counters[name].values())
            if told != job.total:
                yield f"job {name} has {job.total} documents, its counters {told}"
        has_event = any(key.pk.startswith("EVENT#") and text(r, "job") == job.id for key, r in self._seen.items())
        if job.ended != has_event:
            yield f"job {name} is {job.state} and its event is {'there' if has_event else 'not there'}"

    def _collections(self) -> Iterator[str]:
        shown: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for document in self._documents.values():
            if document.visible is not None:
                sums = shown[document.tenant, document.collection]
                sums[0] += 1
                sums[1] += document.visible.chunks
        counted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for key, record in self._seen.items():
            if key.sk == "COUNT" and key.pk.startswith("T#"):
                _, tenant, _, collection, _ = key.pk.split("#")
                counted[tenant, collection][0] += number(record, "documents")
                counted[tenant, collection][1] += number(record, "chunks")
        for place in {*shown, *counted}:
            if shown[place] != counted[place]:
                yield f"collection {place} counts {counted[place]}, readers see {shown[place]}"

    def _index_holds_what_is_visible(self, name: str) -> Iterator[str]:
        if name.startswith(("index.", "objects.delete", "s3.Delete")):
            chunks = self.world.chunks()
            for document in self._documents.values():
                yield from self._is_whole(document, chunks)

    def _events(self) -> Iterator[str]:
        published = self.world.published()
        if len(published) == self._heard:
            return
        self._heard = len(published)
        told: dict[str, set[str]] = defaultdict(set)
        for event in published:
            told[str(event.data["job_id"])].add(event.id)
        for job, ids in told.items():
            if len(ids) > 1:
                yield f"job {job} was told under {len(ids)} ids"

    # -- at rest -------------------------------------------------------------------------------------------------

    def at_rest(self) -> list[str]:
        """What is wrong now that nothing waits and nothing is due; with everything found on the way."""
        self.look("rest")
        return [
            *self.violations,
            *(f"at rest: {violation}" for violation in self._left_over()),
            *(f"a bug: {bug}" for bug in self.world.bugs.found),
        ]

    def _left_over(self) -> Iterator[str]:
        documents = list(self._documents.values())
        wanted = Tally({d.visible.run: d.visible.chunks for d in documents if d.visible is not None})
        if +self.world.chunks() != +wanted:
            yield f"the index holds {dict(self.world.chunks())}, visible is {dict(wanted)}"
        for document in documents:
            if document.state not in (
                DocumentState.READY,
                DocumentState.FAILED,
                DocumentState.CANCELED,
                DocumentState.DELETED,
            ):
                yield f"{document.key} is {document.state}"
            if document.dead:
                yield f"{document.key} has dead runs {list(document.dead)}"
        yield from self._jobs_ended()
        yield from self._objects_left(documents)

    def _jobs_ended(self) -> Iterator[str]:
        told = {event.data["job_id"] for event in self.world.published()}
        for key, record in self._seen.items():
            if key.pk.startswith("JOB#") and key.sk == "META":
                job = job_of(record)
                if not job.ended:
                    yield f"{job.id} is {job.state}"
                elif job.id not in told:
                    yield f"the end of {job.id} was not told"
                elif job.error_code != "poison":
                    yield from self._totals(record)

    def _totals(self, record: Record) -> Iterator[str]:
        job = job_of(record)
        rows = self._rows[job.id].values()
        states = Tally(text(row, "state") for row in rows)
        counted = {state: getattr(job.counts, state) for state in _ROW_COUNTED if getattr(job.counts, state)}
        if counted != dict(states):
            yield f"{job.id} ended with {counted}, its rows are {dict(states)}"
        if job.counts.ended != job.total:
            yield f"{job.id} ended with {job.counts.ended} of {job.total}"
        shown = sum(number(row, "chunks") for row in rows if text(row, "state") == "ready")
        if job.kind is JobKind.INGEST and job.counts.chunks != shown:
            yield f"{job.id} counts {job.counts.chunks} chunks, its rows {shown}"

    def _objects_left(self, documents: list[Document]) -> Iterator[str]:
        shown = {d.visible.run for d in documents if d.visible is not None}
        # A failed document's content stays for a retry, an unchanged one's until the next version.
        kept = shown | {d.run for d in documents if not d.gone}
        had = {text(row, "run") for rows in self._rows.values() for row in rows.values()}
        for name in self.world.data_objects():
            place, run = name.split("/")[:2]
            if place == "runs" and run not in shown:
                yield f"{name} is left of a run that nobody sees"
            if place == "sources" and run not in kept and run in had:
                yield f"{name} is left of a document that is gone or replaced"


def told_by(records: Mapping[Key, Record]) -> Tally[str]:
    """Jobs by state."""
    return Tally(
        text(record, "state") for key, record in records.items() if key.pk.startswith("JOB#") and key.sk == "META"
    )
