"""What users do to a world, and what they find in it afterwards."""

from collections.abc import Sequence

from forebay.adapters.memory_fetcher import Answer
from forebay.domain import keys
from forebay.domain.callbacks import Callback, callbacks_text
from forebay.domain.document import DocumentId, JobId
from forebay.domain.job import Job, Redo, job_of
from forebay.domain.requests import (
    Address,
    DocumentRequest,
    RequestUpload,
    SubmitJob,
    TextSource,
    UrlSource,
)
from forebay.domain.stored_document import Document, Options, document_of
from forebay.domain.transitions import DocumentState, JobState
from forebay.service.cancel import cancel_job
from forebay.service.redeliver import redeliver
from forebay.service.remove import remove_document
from forebay.service.restart import restart_job
from forebay.service.submit import submit
from forebay.service.uploads import request_upload
from tests.simulation.world import COLLECTION, TENANT, World

SMALL = Options(chunk_tokens=8, overlap_tokens=0)


def words(seed: str, chunks: int = 1) -> str:
    """A text that is cut into about so many chunks of 8 words."""
    return " ".join(f"{seed}{number} lies in the basin of the river." for number in range(chunks))


# -- users -----------------------------------------------------------------------------------------------------------


def send(
    world: World,
    name: str | None,
    *texts: tuple[str, str],
    options: Options = SMALL,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Submit documents (id, text), with the idempotency key `name`, if any; and whom to tell."""
    documents = tuple(DocumentRequest(id_, f"{id_}.txt", "", TextSource(text)) for id_, text in texts)
    send_documents(world, name, documents, options, callbacks)


def send_documents(
    world: World,
    name: str | None,
    documents: tuple[DocumentRequest, ...],
    options: Options = SMALL,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Submit any documents."""
    request = SubmitJob(
        TENANT,
        COLLECTION,
        documents,
        options,
        callbacks=callbacks_text(callbacks),
        idempotency_key=name,
        request_sha256=f"sha-{name}",
    )
    world.ask(lambda engine: submit(engine, request))


def send_url(world: World, name: str | None, id_: str, answer: Answer | None) -> None:
    """Submit a document that stands at a URL, with what its server answers from now on (None: nothing)."""
    send_documents(world, name, (DocumentRequest(id_, "", "", UrlSource(server_answers(world, id_, answer))),))


def server_answers(world: World, id_: str, answer: Answer | None) -> str:
    """The URL of a document, and what its server answers from now on (None: nothing)."""
    url = f"https://example.org/{id_}.txt"
    world.fetcher.answers.pop(url, None)
    if answer is not None:
        world.fetcher.answers[url] = answer
    return url


def delete(world: World, id_: str) -> None:
    """Delete a document by the API."""
    world.ask(lambda engine: remove_document(engine, Address(TENANT, COLLECTION, id_)))


def cancel(world: World, name: str) -> None:
    """Cancel a job by its id, or by its idempotency key."""
    world.ask(lambda engine: cancel_job(engine, TENANT, job_id(name)))


def restart(world: World, name: str, redo: Redo = Redo.REST) -> None:
    """Restart a job by its id, or by its idempotency key."""
    world.ask(lambda engine: restart_job(engine, TENANT, job_id(name), redo))


def ask_again(world: World, event_id: str) -> None:
    """Have an event told again."""
    world.ask(lambda engine: redeliver(engine, TENANT, event_id))


def put_into_inbox(world: World, path: str, text: str) -> None:
    """A user puts a file into the inbox; S3 tells."""
    key = f"inbox/{TENANT}/{COLLECTION}/{path}"
    world.user_puts(key, text.encode())
    world.object_event(key)


def upload(world: World) -> str:
    """A client asks for a form; the key it is for, empty when there was no answer."""
    request = RequestUpload(TENANT, COLLECTION, "a.txt", 1_000, document_id="a", options=SMALL)
    made = world.ask(lambda engine: request_upload(engine, request))
    return keys.upload_object(TENANT, made.upload_id) if made is not None else ""


# -- what came of it -------------------------------------------------------------------------------------------------


def document(world: World, id_: str) -> Document | None:
    """The document by its id."""
    key = keys.document_key(TENANT, COLLECTION, DocumentId(id_))
    record = world.records().get(keys.document(TENANT, COLLECTION, key))
    return document_of(record) if record is not None else None


def jobs(world: World) -> list[Job]:
    """All jobs, in the order of their making."""
    found = [job_of(r) for k, r in world.records().items() if k.pk.startswith("JOB#") and k.sk == "META"]
    return sorted(found, key=lambda job: job.created_at)


def job_id(name: str) -> JobId:
    """The id of the job of the idempotency key `name`; a job's id is itself."""
    return JobId(name) if name.startswith("job_") else keys.job_id_for(TENANT, "native", name)


def job(world: World, name: str) -> Job:
    """The job of the idempotency key `name`."""
    return job_of(world.records()[keys.job(job_id(name))])


def shows(world: World, id_: str, text: str, *, state: DocumentState = DocumentState.READY) -> list[str]:
    """The document shows this text, whole, and nothing else is in the index for it."""
    found = document(world, id_)
    if found is None or found.visible is None:
        return [f"{id_} shows nothing (it is {found.state if found else 'not there'})"]
    of_document = [chunk for chunk in world.index._written.values() if chunk.key == found.key]
    stored = " ".join(
        c.chunk.text for c in sorted(of_document, key=lambda c: c.chunk.number) if c.run == found.visible.run
    )
    wrong = [] if stored.split() == text.split() else [f"{id_} shows other text: {stored[:60]!r}"]
    return wrong + ([] if found.state is state else [f"{id_} is {found.state}, not {state}"])


def is_gone(world: World, id_: str) -> list[str]:
    """The document is a tombstone, or was never there."""
    found = document(world, id_)
    return [] if found is None or found.state is DocumentState.DELETED else [f"{id_} is {found.state}"]


def canceled(world: World, id_: str) -> list[str]:
    """The document is canceled, and nothing of it is visible."""
    found = document(world, id_)
    if found is None or found.state is not DocumentState.CANCELED:
        return [f"{id_} is {found.state if found else 'not there'}, not canceled"]
    return [f"{id_} is visible"] if found.visible is not None else []


def ended(found: Job, state: JobState) -> list[str]:
    """The job ended so."""
    return [] if found.state is state else [f"{found.id} is {found.state}, not {state}"]


def failed_as(world: World, id_: str, code: str) -> list[str]:
    """The document failed with this code."""
    found = document(world, id_)
    if found is None or found.state is not DocumentState.FAILED:
        return [f"{id_} is {found.state if found else 'not there'}, not failed"]
    return [] if found.error_code == code else [f"{id_} failed as {found.error_code}, not {code}"]
