"""From the files and the `data` of an upload to the job that is submitted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import ValidationError

from forebay.dialects.dialect import Call, UploadedFile
from forebay.dialects.nvidia.bodies import CHUNK_OVERLAP, CHUNK_SIZE, DocumentUploadRequest, SplitOptions
from forebay.dialects.nvidia.custom_metadata import Judgement, judge
from forebay.dialects.nvidia.words import NAME, UNSUPPORTED
from forebay.domain.document import Collection, is_name
from forebay.domain.errors import CallerError
from forebay.domain.file_types import READABLE, extension
from forebay.domain.json_text import read_json, write_json
from forebay.domain.metadata_schema import MetadataField
from forebay.domain.requests import BadSource, BytesSource, DocumentRequest, Hopeless, OnExisting, Source, SubmitJob
from forebay.domain.stored_document import Lane, Options, nearest_options
from forebay.service.collections import default_options

_ERRORS_TOLD: Final = 100  # of those in `data`; they are told in one text


def parsed_data(data: str) -> DocumentUploadRequest:
    """The form's `data`. Raises CallerError malformed_json, invalid_request."""
    try:
        return DocumentUploadRequest.model_validate(read_json(data))
    except json.JSONDecodeError as error:
        raise CallerError("malformed_json", "Invalid JSON format") from error
    except ValidationError as error:
        told = str(error) if error.error_count() <= _ERRORS_TOLD else f"{error.error_count()} validation errors"
        raise CallerError("invalid_request", told) from error
    except ValueError as error:
        raise CallerError("invalid_request", str(error)) from error


@dataclass(frozen=True, slots=True)
class Target:
    """Where the files are to go."""

    collection: Collection
    fields: Sequence[MetadataField]  # of its schema; empty: any metadata fits
    on_existing: OnExisting


def upload_command(call: Call, body: DocumentUploadRequest, target: Target, task_id: str) -> SubmitJob:
    """The job that the upload means. Raises CallerError invalid_request: too many files, or one without a name."""
    sent = [file for file in call.files if file.field == "documents"]
    files = _by_name(sent, most=call.engine.policy.limits.documents_per_request)
    judged = judge([file.name for file in sent], body.custom_metadata, target.fields)
    remarks = {
        each.filename: write_json(each.model_dump(exclude={"filename"}, exclude_none=True))
        for each in body.documents_catalog_metadata
    }
    documents = tuple(
        DocumentRequest(
            id=name,
            name=name,
            media_type="" if file.media_type == "application/octet-stream" else file.media_type,
            source=_source(file, judged),
            metadata={**judged.metadata.get(name, {}), "filename": name},
            position=position,
            memo=judged.memos.get(name, ""),
            annotations=remarks.get(name, ""),
        )
        for position, (name, file) in enumerate(files.items())
    )
    given = "split_options" in body.model_fields_set
    usual = default_options(call.engine, call.tenant, target.collection)
    options = chunk_options(body.split_options) if given else usual
    return SubmitJob(
        tenant=call.tenant,
        collection=target.collection,
        documents=documents,
        options=replace(options, lane=Lane.INTERACTIVE) if body.blocking else options,
        idempotency_key=task_id,
        request_sha256=task_id,
        dialect=NAME,
        on_existing=target.on_existing,
        hopeless=Hopeless.FAILED,
    )


def _by_name(sent: Sequence[UploadedFile], *, most: int) -> Mapping[str, UploadedFile]:
    """The files by name, in their order; of several by one name the first."""
    files: dict[str, UploadedFile] = {}
    for file in sent:
        if not is_name(file.name):
            raise CallerError("invalid_request", "Error parsing uploaded filename: 1 to 255 printable characters.")
        files.setdefault(file.name, file)
    if len(files) > most:
        raise CallerError("invalid_request", f"{len(files)} files are too many for one request; send at most {most}.")
    return files


def _source(file: UploadedFile, judged: Judgement) -> Source:
    if file.name in judged.bad:
        return BadSource("invalid_metadata", f"Metadata validation failed for {file.name}")
    if extension(file.name) not in READABLE:
        return BadSource("unsupported_type", UNSUPPORTED)
    return BytesSource(file.content)


def chunk_options(given: SplitOptions) -> Options:
    """What `split_options` means here; where it gives no overlap, the usual one in proportion."""
    size, overlap = given.chunk_size, given.chunk_overlap
    if "chunk_overlap" not in given.model_fields_set:
        overlap = min(overlap, size * CHUNK_OVERLAP // CHUNK_SIZE)
    return nearest_options(size, overlap)
