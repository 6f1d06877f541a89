"""Files for data sources: uploads that are named in no request yet. Large ones go by `POST /forebay/v1/uploads`."""

import json
from typing import Annotated, Final

from aws_lambda_powertools.event_handler import Request
from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from forebay.dialects.dialect import Endpoint, Scope, call_of
from forebay.dialects.tensoras.bodies import Deleted, File, FileForm
from forebay.dialects.tensoras.knowledge_bases import TAG
from forebay.dialects.tensoras.words import id_in_path, not_found, seconds
from forebay.domain.document import Collection
from forebay.domain.requests import RequestUpload
from forebay.service.uploads import StoredUpload, known_upload, remove_upload, store_upload

FILES: Final = "/v1/files"
_UNKNOWN_TYPE: Final = "application/octet-stream"
FileId = Annotated[str, Path(description="The file's id, or the `upload_id` of an upload with `start: false`.")]


def create_file(request: Request, body: Annotated[FileForm, Body()]) -> File:
    """Upload a file of up to 4.5 MB, to be named in a data source.

    Larger ones go by the presigned form of `POST /forebay/v1/uploads` with `start: false`: its `upload_id` is the
    file's id.
    """
    call = call_of(request)
    [sent] = [file for file in call.files if file.field == "file"]
    upload = RequestUpload(
        tenant=call.tenant,
        collection=Collection(""),
        name=sent.name[:255],
        size_bytes=len(sent.content),
        media_type="" if sent.media_type == _UNKNOWN_TYPE else sent.media_type,
        start=False,
        memo=json.dumps({"purpose": body.purpose}),
    )
    return _body(store_upload(call.engine, upload, sent.content))


def get_file(request: Request, file_id: FileId) -> File:
    """Read what is known of a file."""
    call, id_ = call_of(request), id_in_path(file_id)
    found = known_upload(call.engine, call.tenant, id_)
    if found is None:
        raise not_found("file_id", "file_not_found", "File", id_)
    return _body(found)


def delete_file(request: Request, file_id: FileId) -> Deleted:
    """Delete a file. The documents that were made of it stay."""
    call, id_ = call_of(request), id_in_path(file_id)
    if not remove_upload(call.engine, call.tenant, id_):
        raise not_found("file_id", "file_not_found", "File", id_)
    return Deleted(id=id_, object="file")


def _body(upload: StoredUpload) -> File:
    purpose = json.loads(upload.memo).get("purpose") if upload.memo else None
    return File(
        id=upload.upload_id,
        bytes=upload.size_bytes,
        created_at=seconds(upload.created_at),
        filename=upload.name,
        purpose=purpose or "knowledge-base",
        status="uploaded" if upload.arrived else "pending",
    )


ENDPOINTS: Final = (
    Endpoint("POST", FILES, create_file, TAG, Scope.WRITE, body_type="multipart/form-data"),
    Endpoint("GET", f"{FILES}/<file_id>", get_file, TAG, Scope.READ, errors=("not_found",)),
    Endpoint("DELETE", f"{FILES}/<file_id>", delete_file, TAG, Scope.DELETE, errors=("not_found",)),
)
