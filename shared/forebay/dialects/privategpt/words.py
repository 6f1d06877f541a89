"""The words of the Artifacts API, each table total over what it translates."""

from collections.abc import Mapping
from typing import Final, Literal

from forebay.domain.errors import CATALOGUE
from forebay.domain.outline import Kind
from forebay.domain.transitions import JobState

NAME: Final = "privategpt"
TAG: Final = "PrivateGPT"
BASE: Final = "/v1/artifacts"
USUAL_COLLECTION: Final = "pgpt_collection"
EMBED_MODEL: Final = "all-MiniLM-L6-v2"  # what layers/model builds

TaskWord = Literal["PENDING", "SUCCESS", "FAILURE", "REVOKED"]
STATUS: Final[Mapping[JobState, TaskWord]] = {
    JobState.QUEUED: "PENDING",
    JobState.RUNNING: "PENDING",
    JobState.CANCELING: "PENDING",
    JobState.SUCCEEDED: "SUCCESS",
    JobState.PARTIALLY_SUCCEEDED: "SUCCESS",
    JobState.FAILED: "FAILURE",
    JobState.CANCELED: "REVOKED",
}

FILE_ERRORS: Final[Mapping[str, str]] = {  # what is wrong with a file: our code, their word
    "empty_document": "invalid_file_size",
    "no_text": "no_valid_nodes",
    "needs_ocr": "no_valid_nodes",
    "unsupported_type": "invalid_file_extension",
    "encrypted": "malformed_file",
    "corrupt": "malformed_file",
    "too_large": "invalid_file_size",
    "too_complex": "parsing_failure",
}
FILE_WARNINGS: Final[Mapping[str, str]] = {"encrypted": "encrypted_file"}
# Why a synchronous request got no document where neither the file nor its place is to blame: our code, the failure's.
REFUSALS: Final[Mapping[str, str]] = {
    "superseded": "invalid_transition",
    "canceled": "invalid_transition",
    "poison": "internal_error",
}

NODE_TYPES: Final[Mapping[Kind, str]] = {
    Kind.ROOT: "DocumentRootNodeV2-v2",
    Kind.SECTION: "SectionNode-v1",
    Kind.TEXT: "TextNode-v1",
    Kind.LIST: "ListNode-v1",
    Kind.LIST_ITEM: "ListItemNode-v1",
    Kind.TABLE: "TableNode-v1",
    Kind.TABLE_ROW: "TableRowNode-v1",
    Kind.IMAGE: "ImageNode-v1",
}
KINDS: Final[Mapping[str, Kind]] = {word.partition("-")[0]: kind for kind, word in NODE_TYPES.items()}
NodeType = Literal[
    "ImageNode", "ListItemNode", "ListNode", "SectionNode", "TableNode", "TableRowNode", "TextNode"
]  # fmt: skip
Operator = Literal[  # of metadata filters
    "==", "!=", ">", "<", ">=", "<=", "in", "nin", "any", "all", "contains", "text_match", "text_match_insensitive",
    "is_empty",
]  # fmt: skip

DETAILS: Final[Mapping[str, str]] = {  # in the place of the catalogue's message and hint; "": the message alone
    "unauthenticated": "Not authenticated",
    "method_not_allowed": "Method Not Allowed",
    "not_found": "",
    "invalid_transition": "",
    "content_too_large": "",
}
CHALLENGE: Final = 'Basic realm="All the API", charset="UTF-8"'
NO_TASK: Final = "Task with specified ID not found"


def file_problem(code: str) -> tuple[list[str], list[str]] | None:
    """Errors and warnings that say what is wrong with a file, None where the file is not to blame."""
    if code not in FILE_ERRORS:
        return None
    warning = FILE_WARNINGS.get(code)
    return [_word(FILE_ERRORS[code])], [_word(warning)] if warning is not None else []


def _word(name: str) -> str:
    return f"zpgt.ingest.{name}.error"


def said(code: str, message: str) -> str:
    """Why a document failed, as a task's result."""
    problem = file_problem(code)
    if problem is not None:
        return f"InvalidFileError(errors={problem[0]}, warnings={problem[1]})"
    return f"{message.rstrip('.') or CATALOGUE[code].title} ({code}). {CATALOGUE[code].hint}"
