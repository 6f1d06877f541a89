"""What must always hold, looked at after every effect, and what must hold at rest.

Always: a visible run is whole in the index and in the object store; a run that lost its document, or was in work when
its job was canceled, never becomes visible; states move along the table only; final rows and jobs do not change;
counters are the sums of their rows; collections count what is visible; a job has ended exactly when the event of its
end is recorded. At rest: everything ended, nothing is left over. Of events and deliveries see `telling`.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator

from forebay.domain import keys
from forebay.domain.document import Collection, JobId, RunId, TenantId
from forebay.domain.job import Job, JobKind, counts_of, job_of, row_of
from forebay.domain.records import Key, Record, number, text
from forebay.domain.stored_document import Document, document_of
from forebay.domain.transitions import OPEN_JOBS, OPEN_ROWS, WITHIN_A_RUN, WORKING, DocumentState, JobState, RowState
from forebay.service.settle import OVERTAKEN
from tests.simulation.telling import TellingAuditor
from tests.simulation.world import World

_FINAL_JOBS = tuple(state for state in JobState if state not in OPEN_JOBS)
_ROW_STATES = ("ready", "unchanged", "failed", "canceled")
_KEEP_CONTENT = ("canceled", "document_exists")
_MAY_GO = ("COL#", "ds_", "UPLOAD")  # what users remove
_RESTING = (DocumentState.READY, DocumentState.FAILED, DocumentState.CANCELED, DocumentState.DELETED)


def _is_final(row: Record) -> bool:
    return RowState(text(row, "state")) not in OPEN_ROWS


def _but_told(row: Record) -> Record:
    """The row without what says that its end is to be told."""
    return {name: value for name, value in row.items() if name not in ("due_pk", "due_at")}


def _visible_run(document: Document | None) -> RunId | None:
    return document.visible.run if document is not None and document.visible is not None else None


def _of_expansion(job: Job) -> int:
    """A collection's deletion counts one for its own expansion, so that it ends last."""
    return int(job.kind is JobKind.DELETE and job.expanding)


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
        self._telling = TellingAuditor(world)
        world.tape.look = self.look

    # -- always --------------------------------------------------------------------------------------------------

    def look(self, name: str) -> None:
        """One effect has happened."""
        found = [*self._changes(), *self._index_holds_what_is_visible(name), *self._telling.look()]
        self.violations += [f"after {name} (call {len(self.world.tape.calls)}): {violation}" for violation in found]

    def _changes(self) -> Iterator[str]:
        records = self.world.records()
        changed = [(k, self._seen.get(k), r) for k, r in records.items() if self._differs(k, r)]
        removed = [key for key in self._seen if key not in records and not key.sk.startswith(_MAY_GO)]
        yield from (f"{key} was removed" for key in removed)
        self._seen = dict(records)
        for key, before, after in changed:
            yield from self._telling.leaks(key, after)
            yield from self._changed(key, before, after)
        for job in {key.pk.split("#")[1] for key, _, _ in changed if key.pk.startswith("JOB#")}:
            yield from self._sums(job)
        if any(key.sk.startswith("D#") or key.sk == "COUNT" for key, _, _ in changed):
            yield from self._collections()

    def _differs(self, key: Key, record: Record) -> bool:
        before = self._seen.get(key)
        return before is not record and before != record

    def _changed(self, key: Key, before: Record | None, after: Record) -> Iterator[str]:
        kind = key.sk.partition("#")[0]
        if kind == "D":
            yield from self._document(key, before, after)
        elif kind == "E":
            yield from self._telling.changed(key, before, after)
        elif key.pk.startswith("JOB#"):
            yield from self._job_record(key, kind, before, after)

    def _document(self, key: Key, before: Record | None, after: Record) -> Iterator[str]:
        new, old = document_of(after), document_of(before) if before is not None else None
        self._documents[key] = new
        yield from self._move(old, new)
        shown, showed = _visible_run(new), _visible_run(old)
        if old is not None and old.run not in (new.run, showed):
            self._lost.add(old.run)
        if showed is not None and shown != showed:
            self._lost.add(showed)
        if self._is_canceled(new.job):
            self._lost.add(new.run)
        if shown is not None and shown != showed:
            yield from self._flip(new, shown)
        yield from self._is_whole(new, self.world.chunks())

    def _is_canceled(self, job: JobId) -> bool:
        record = self._seen.get(keys.job(job))
        return record is not None and text(record, "state") == JobState.CANCELING

    @staticmethod
    def _move(old: Document | None, new: Document) -> Iterator[str]:
        if old is None and new.state is DocumentState.DELETED:
            return  # what was never there was deleted: the tombstone outranks requests from before
        if old is None or new.run != old.run:
            if new.state not in (DocumentState.QUEUED, DocumentState.DELETING):
                yield f"{new.key} got a run in state {new.state}"
        elif new.state is not old.state and new.state not in WITHIN_A_RUN[old.state]:
            yield f"{new.key} moved from {old.state} to {new.state} within a run"

    def _flip(self, document: Document, shown: RunId) -> Iterator[str]:
        if shown in self._lost:
            yield f"{document.key} shows {shown}, which had lost it"
        if (shown, DocumentState.READY) != (document.run, document.state):
            yield f"{document.key} shows {shown} while ({document.run}, {document.state}) holds it"
        found = sum(1 for run, _ in self.world.index._visible if run == shown)
        if document.visible is not None and found != document.visible.chunks:
            yield f"{document.key} shows {document.visible.chunks} chunks, of which a search finds {found}"

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
            if _is_final(after):
                self._telling.row_ended(row_of(after))
            again = before is not None and text(before, "run") != text(after, "run")
            if before is not None and _is_final(before) and not again and _but_told(before) != _but_told(after):
                yield f"the final row {key} changed"
        elif kind == "COUNT":
            self._counters[job][key] = after
        elif (
            before is not None
            and text(before, "state") in _FINAL_JOBS
            and text(after, "state") != text(before, "state")
            and text(after, "restarted") == text(before, "restarted")
        ):
            yield f"the ended {key.pk} changed its state"
        if kind == "META" and text(after, "state") == JobState.CANCELING:
            self._lost |= {d.run for d in self._documents.values() if d.job == job and d.state in WORKING}

    def _sums(self, name: str) -> Iterator[str]:
        record = self._seen.get(Key(f"JOB#{name}", "META"))
        if record is None:
            yield f"job {name} has rows but no record"
            return
        job = job_of(record)
        for key, counter in self._counters[name].items():
            yield from self._counter(job, key, counter)
        counters = self._counters[name].values()
        told = sum(number(counter, "left") + counts_of(counter).ended for counter in counters)
        if counters and told != job.total + _of_expansion(job):
            yield f"job {name} has {job.total} documents, its counters {told}"
        yield from self._telling.ends(job)

    def _counter(self, job: Job, key: Key, counter: Record) -> Iterator[str]:
        mine = [row for row in self._rows[job.id].values() if text(row, "pk") == key.pk]
        final = [row for row in mine if _is_final(row) and not job.redoes(row_of(row))]
        states = Tally(text(row, "state") for row in final)
        counted = {state: number(counter, state) for state in _ROW_STATES if number(counter, state)}
        if counted != dict(states):
            yield f"{key.pk} counts {counted}, its rows are {dict(states)}"
        left = number(counter, "left")
        expected = len(mine) - len(final) + _of_expansion(job)
        if left < expected or (left > expected and not (job.expanding or job.ended)):
            yield f"{key.pk} says {left} left, {expected} rows are open"

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
            if document.state not in _RESTING:
                yield f"{document.key} is {document.state}"
            if document.dead:
                yield f"{document.key} has dead runs {list(document.dead)}"
        yield from self._in_collections(documents)
        yield from self._jobs_ended()
        yield from self._objects_left(documents)
        yield from self._telling.left_over()

    def _in_collections(self, documents: list[Document]) -> Iterator[str]:
        for document in documents:
            if not document.gone and keys.collection(document.tenant, document.collection) not in self._seen:
                yield f"{document.key} is in a collection that is not there"
        for key in self._seen:
            if key.sk.startswith("ds_"):
                _, tenant, _, collection = key.pk.split("#")
                if keys.collection(TenantId(tenant), Collection(collection)) not in self._seen:
                    yield f"{key.sk} is of a collection that is not there"

    def _jobs_ended(self) -> Iterator[str]:
        for key, record in self._seen.items():
            if key.pk.startswith("JOB#") and key.sk == "META":
                job = job_of(record)
                if not job.ended:
                    yield f"{job.id} is {job.state}"
                elif job.error_code != "poison":
                    yield from self._totals(record)

    def _totals(self, record: Record) -> Iterator[str]:
        job = job_of(record)
        rows = self._rows[job.id].values()
        states = Tally(text(row, "state") for row in rows)
        counted = {state: getattr(job.counts, state) for state in _ROW_STATES if getattr(job.counts, state)}
        if counted != dict(states):
            yield f"{job.id} ended with {counted}, its rows are {dict(states)}"
        if job.counts.ended != job.total:
            yield f"{job.id} ended with {job.counts.ended} of {job.total}"
        shown = sum(number(row, "chunks") for row in rows if text(row, "state") == "ready")
        if job.kind is JobKind.INGEST and job.counts.chunks != shown:
            yield f"{job.id} counts {job.counts.chunks} chunks, its rows {shown}"

    def _objects_left(self, documents: list[Document]) -> Iterator[str]:
        shown = {d.visible.run for d in documents if d.visible is not None}
        rows = [row for rows in self._rows.values() for row in rows.values()]
        # What failed, was refused or canceled, or never began keeps its content for a retry; what was unchanged, until
        # the next version.
        kept = shown | {d.run for d in documents if not d.gone}
        had = {text(row, "run") for row in rows}
        # Content stays under the run that brought it, also when a later run is of the same.
        origins = {origin for d in documents for origin in (d.origin, d.visible.origin if d.visible else "")}
        waits = [row for row in rows if text(row, "error") in _KEEP_CONTENT or row.get("held") == ""]
        waits += [row for row in rows if text(row, "message") == OVERTAKEN.error_message]  # it never began
        origins |= {text(row, "origin") for row in waits}
        folders = {keys.own_folder(origin) for origin in origins}
        for name in self.world.data_objects():
            place, run = name.split("/")[:2]
            if place == "runs" and run not in shown:
                yield f"{name} is left of a run that nobody sees"
            if place == "sources" and run not in kept and run in had and keys.own_folder(name) not in folders:
                yield f"{name} is left of a document that is gone or replaced"
