"""multipart/form-data bodies: files set aside for the call, everything else as JSON that the resolver validates.

The JSON has a member per field: the text of a text field, the list of the file names of a file field.
"""

import io
import json
import re
from typing import Final
from urllib.parse import unquote

import multipart

from forebay.dialects.dialect import UploadedFile
from forebay.domain.errors import CallerError

FORM: Final = "multipart/form-data"
_PARTS_MOST: Final = 2_000
_HEADER_BYTES_MOST: Final = 8_192
# Not of forms (RFC 7578 section 4.2), but .NET and older libraries send it: https://www.rfc-editor.org/rfc/rfc5987
_EXTENDED_NAME: Final = re.compile(r";\s*filename\*\s*=\s*([\w-]+)'[\w-]*'([^;\s]+)", re.IGNORECASE)


def parse_form(content: bytes, content_type: str) -> tuple[str, tuple[UploadedFile, ...]]:
    """The form's fields as JSON, and its files. Raises CallerError malformed_form."""
    _, options = multipart.parse_options_header(content_type)
    boundary = options.get("boundary", "")
    if not boundary:
        raise _unfit("a form whose Content-Type names no boundary")
    try:
        parts = multipart.MultipartParser(
            io.BytesIO(content),
            boundary,
            part_limit=_PARTS_MOST,
            headersize_limit=_HEADER_BYTES_MOST,
            spool_limit=len(content) + 1,
            memory_limit=len(content) + 1,
        ).parts()
        names = [_filename(part) for part in parts]
        fields: dict[str, str | list[str]] = {
            part.name: part.value for part, name in zip(parts, names, strict=True) if not name
        }
    except (multipart.MultipartError, UnicodeError, LookupError) as error:
        raise _unfit(f"no well-formed form: {error}") from error
    files = tuple(
        UploadedFile(part.name, _basename(name), part.content_type, part.raw)
        for part, name in zip(parts, names, strict=True)
        if name
    )
    for file in files:
        named = fields.setdefault(file.field, [])
        if isinstance(named, list):
            named.append(file.name)
    return json.dumps(fields), files


def _filename(part: multipart.MultipartPart) -> str:
    """The name of the part's file, "" where it is none; the one that says its charset is the better of two."""
    extended = _EXTENDED_NAME.search(part.disposition)
    return unquote(extended[2], encoding=extended[1]) if extended else part.filename or ""


def _basename(filename: str) -> str:
    """Browsers of old and careless clients send whole paths."""
    return re.split(r"[/\\]", filename)[-1]


def _unfit(message: str) -> CallerError:
    return CallerError("malformed_form", f"The body is {message}.")
