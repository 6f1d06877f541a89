"""What came of fetching a URL, as it stands with the object that holds the content: the function that fetches has no
table to write to, so the object itself says whether it is content or a refusal, and extract reads it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from forebay.domain.errors import DocumentError

_MEMBER: Final = "fetched"  # of the object's user metadata: one member, in ASCII, 2 KB at most by S3
_MOST: Final = 80  # characters of each text; escaped they take up to twelve times as many bytes


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a server said of the content that it sent."""

    media_type: str = ""
    name: str = ""  # of the file


def fetched_metadata(fetched: Fetched) -> Mapping[str, str]:
    """The metadata of an object that holds content."""
    return {_MEMBER: json.dumps({"type": fetched.media_type[:_MOST], "name": fetched.name[:_MOST]})}


def refusal_metadata(error: DocumentError) -> Mapping[str, str]:
    """The metadata of an empty object, which says why there is no content."""
    return {_MEMBER: json.dumps({"code": error.code, "message": error.message[: 2 * _MOST]})}


def fetched_of(metadata: Mapping[str, str]) -> Fetched:
    """What the server said of the content. Raises the DocumentError by which there is none."""
    told = json.loads(metadata[_MEMBER])
    if "code" in told:
        raise DocumentError(told["code"], told["message"])
    return Fetched(told["type"], told["name"])
