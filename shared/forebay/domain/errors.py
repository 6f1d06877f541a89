"""The error tree, which is the retry policy, and the catalogue of codes that users see at `GET /errors`.

    ForebayError
    ├─ CallerError      the request is wrong: 4xx in the dialect's words; never retried
    ├─ DocumentError    the document is bad: message acknowledged, document FAILED, the job goes on
    ├─ TransientError   the world is unwell: message not acknowledged, SQS retries, then dead letters
    └─ Superseded       the fence moved on (replaced, canceled, deleted): message acknowledged, one info line

Anything else is a bug: not acknowledged, traceback logged. The only `except` of this tree is in the entrypoints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import JsonValue


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the catalogue: what a code means and what the reader can do about it."""

    code: str
    status: int  # HTTP status where the code answers a request; 0 where it only ever stands on a document
    stage: str  # request | store | fetch | upload | extract | embed | index | engine | deliver
    retryable: bool  # can the very same thing succeed later, unchanged?
    title: str
    hint: str


_ROWS: Final[tuple[ErrorKind, ...]] = (
    # -- requests ------------------------------------------------------------------------------------------------
    ErrorKind("invalid_request", 422, "request", False, "The request does not fit the contract.",
              "Mend the members listed in `errors`."),
    ErrorKind("malformed_json", 400, "request", False, "The body is not JSON.",
              "Send UTF-8 JSON with `Content-Type: application/json`."),
    ErrorKind("malformed_form", 400, "request", False, "The body is no well-formed form.",
              "Send `Content-Type: multipart/form-data` with its boundary."),
    ErrorKind("unauthenticated", 401, "request", False, "No valid API key was given.",
              "Send `Authorization: Bearer <key>`."),
    ErrorKind("forbidden", 403, "request", False, "The API key's scopes do not allow this.",
              "Use a key with the scope named in `detail`."),
    ErrorKind("not_found", 404, "request", False, "There is no such resource.",
              "Check the id; another tenant's resources are not found either."),
    ErrorKind("method_not_allowed", 405, "request", False, "The resource does not know this method.",
              "See `GET /openapi.json` for the methods of each path."),
    ErrorKind("idempotency_key_reused", 409, "request", False, "The Idempotency-Key was used with another body.",
              "Use a new key for a new request."),
    ErrorKind("document_exists", 409, "request", False, "There is a document with this id already.",
              "Replace it on purpose, or use another id."),
    ErrorKind("invalid_transition", 409, "request", False, "The resource's state does not allow this.",
              "Read the resource, then decide."),
    ErrorKind("payload_too_large", 413, "request", False, "The request body is too large.",
              "Upload large files with `POST /forebay/v1/uploads`, then name the upload as the source."),
    ErrorKind("content_too_large", 413, "request", False, "The answer would be too large.",
              "Ask for fewer pages with `page_first` and `page_last`, or read `.../chunks`."),
    ErrorKind("throttled", 429, "request", True, "Too many requests at once.", "Wait for `Retry-After` seconds."),
    ErrorKind("internal_error", 500, "engine", True, "Something failed on our side.",
              "Try again; if it lasts, give the operator the `request_id`."),
    ErrorKind("unavailable", 503, "engine", True, "A part of the system does not answer.", "Try again shortly."),
    # -- sources -------------------------------------------------------------------------------------------------
    ErrorKind("invalid_base64", 422, "request", False, "The source's data is not base64.",
              "Send standard base64 (RFC 4648 section 4) in `source.data`."),
    ErrorKind("source_missing", 0, "store", True, "The source object does not exist.",
              "Put the object there, then ingest the document again."),
    ErrorKind("source_forbidden", 0, "store", False, "The source bucket is not allowed for this tenant.",
              "Ask the operator to allow the bucket, or upload the file."),
    ErrorKind("url_forbidden", 422, "fetch", False, "The URL leads where nothing is fetched from.",
              "Use an http or https URL of a public host, without user name and password; or upload the file."),
    ErrorKind("url_redirects", 0, "fetch", False, "The URL's redirects do not end.", "Name the URL that they lead to."),
    ErrorKind("url_status", 0, "fetch", True, "The server does not give out what the URL names.",
              "See the status in `message`: check the URL and whether it needs a login; then ingest it again."),
    ErrorKind("url_unreachable", 0, "fetch", True, "The URL's server did not answer, however often it was asked.",
              "Check that the URL can be reached from the internet; then ingest the document again."),
    ErrorKind("upload_missing", 0, "upload", True, "No file has been put at the upload.",
              "Send the file to the presigned POST first."),
    ErrorKind("upload_expired", 0, "upload", False, "No file came before the upload expired.",
              "Ask for a new upload."),
    ErrorKind("invalid_path", 0, "upload", False, "The file in the inbox stands at no document's path.",
              "Put it at inbox/<tenant>/<collection>/<path>: the collection of a-z, 0-9, '.', '_' and '-', "
              "the path of at most 255 printable characters."),
    # -- manifests -----------------------------------------------------------------------------------------------
    ErrorKind("manifest_unreadable", 0, "store", False, "The manifest cannot be read as one.",
              "Put one JSON object a line, each like a member of `documents`, in UTF-8 and not compressed."),
    ErrorKind("manifest_changed", 0, "store", False, "The manifest changed or went before it was read.",
              "Leave it as it is until the job has its total; then ask for the job anew."),
    ErrorKind("invalid_line", 0, "store", False, "The line of the manifest is no entry.",
              "Mend what the message names, and ask for the mended lines in a new job."),
    ErrorKind("duplicate_id", 0, "store", False, "An earlier line of the manifest has the same id.",
              "Give each document an id of its own; the first line was taken."),
    # -- documents -----------------------------------------------------------------------------------------------
    ErrorKind("empty_document", 0, "extract", False, "The document has no content.", "Send a document with text."),
    ErrorKind("no_text", 0, "extract", False, "No text was found in the document.",
              "If it is a scan, run OCR first."),
    ErrorKind("needs_ocr", 0, "extract", False, "The pages hold images or unmappable glyphs, not text.",
              "Run OCR first, then ingest the result."),
    ErrorKind("unsupported_type", 0, "extract", False, "This type of file is not supported.",
              "Convert it to PDF, DOCX, PPTX, XLSX, ODT, HTML, Markdown, text, CSV, JSON, EML, EPUB or RTF."),
    ErrorKind("invalid_metadata", 0, "store", False, "The document's metadata does not fit its collection.",
              "Mend the members that the job names."),
    ErrorKind("encrypted", 0, "extract", False, "The document is encrypted.", "Remove the password first."),
    ErrorKind("corrupt", 0, "extract", False, "The file is broken.", "Open and save it anew, or repair it."),
    ErrorKind("too_large", 0, "extract", False, "The document exceeds a limit.",
              "Split the document; the limits are in docs/limits.md."),
    ErrorKind("too_complex", 0, "extract", False, "Reading the document took too much time or memory.",
              "Simplify or split it; it may be a decompression bomb."),
    ErrorKind("invalid_id", 0, "index", False, "The document's id cannot be kept.",
              "Use an id of 1 to 255 printable characters."),
    ErrorKind("index_rejected", 0, "index", False, "The index refused a chunk of the document.",
              "Read the message; mend the metadata or report it."),
    ErrorKind("poison", 0, "engine", True, "The document failed again and again for no known reason.",
              "Ingest it again; if it fails again, report it with the job id."),
    ErrorKind("superseded", 0, "engine", False, "A newer request took the document over.",
              "Nothing to do: the newer request decides."),
    ErrorKind("canceled", 0, "engine", False, "The document was canceled.", "Ingest it again if it is wanted."),
    # -- deliveries: in the log at GET /events; all are tried again by the schedule ------------------------------
    ErrorKind("webhook_status", 0, "deliver", True, "The webhook's receiver did not answer with 2xx.",
              "See the status of the attempt; mend the receiver, then ask for the event again."),
    ErrorKind("webhook_redirect", 0, "deliver", True, "The webhook's receiver answered with a redirect.",
              "Redirects are not followed: name the URL that they lead to in the next job."),
    ErrorKind("webhook_forbidden", 0, "deliver", False, "The webhook's URL leads where nothing is sent to.",
              "Use the https URL of a host whose every address is public."),
    ErrorKind("webhook_unreachable", 0, "deliver", True, "The webhook's receiver is not to be reached, or too slow.",
              "Check its name, port and certificate, and that it answers within ten seconds; it is sent again."),
    ErrorKind("broker_not_configured", 0, "deliver", True, "The operator has named no AMQP broker.",
              "Ask the operator to set the stack's BrokerUrlParameter, to a URL that begins with amqps://."),
    ErrorKind("broker_unreachable", 0, "deliver", True, "The AMQP broker did not answer, or closed the connection.",
              "Ask the operator; the event is sent again by itself."),
    ErrorKind("exchange_missing", 0, "deliver", True, "The exchange does not exist, or may not be published to.",
              "Declare the exchange; the event is sent again by itself."),
    ErrorKind("unroutable", 0, "deliver", True, "No queue is bound to the exchange for this routing key.",
              "Bind a queue; the event is sent again by itself."),
    ErrorKind("not_confirmed", 0, "deliver", True, "The AMQP broker did not confirm the message.",
              "Ask the operator; the event is sent again by itself."),
    ErrorKind("interrupted", 0, "deliver", True, "How the attempt ended is not known: its worker died, or is at it.",
              "Wait; the event is sent again by itself."),
)  # fmt: skip

CATALOGUE: Final[Mapping[str, ErrorKind]] = {row.code: row for row in _ROWS}


@dataclass(frozen=True, slots=True)
class Problem:
    """One member of a request that does not fit: where, what, and the machine-readable kind."""

    loc: tuple[str | int, ...]
    msg: str
    type: str
    context: Mapping[str, JsonValue] = field(default_factory=dict)  # the bounds that were missed
    given: JsonValue = None  # what was there, where it is small


class ForebayError(Exception):
    """The root; `code` is always a row of the catalogue, `message` is one sentence about this very case."""

    def __init__(self, code: str, message: str = "") -> None:
        kind = CATALOGUE[code]
        super().__init__(message or kind.title)
        self.kind = kind
        self.message = message or kind.title

    @property
    def code(self) -> str:
        """The catalogue code."""
        return self.kind.code


class CallerError(ForebayError):
    """The request is wrong; `problems` name the members, `retry_after_seconds` stands with `throttled` only."""

    def __init__(
        self, code: str, message: str = "", *, problems: tuple[Problem, ...] = (), retry_after_seconds: int = 0
    ) -> None:
        super().__init__(code, message)
        self.problems = problems
        self.retry_after_seconds = retry_after_seconds


class DocumentError(ForebayError):
    """The document cannot be ingested as it is; it ends FAILED with this code and message."""


class TransientError(ForebayError):
    """Something outside does not answer; the same work can succeed later."""

    def __init__(self, message: str) -> None:
        super().__init__("unavailable", message)


class Superseded(ForebayError):
    """The fence of the document moved on; whatever this worker was doing no longer matters."""

    def __init__(self, message: str = "") -> None:
        super().__init__("superseded", message)
