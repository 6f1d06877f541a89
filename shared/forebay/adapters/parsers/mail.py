"""EML: the headers that people read, the body, the names of attachments, and forwarded messages likewise."""

from __future__ import annotations

import email
import email.header
import email.policy
import os
from collections.abc import Iterator
from email.message import Message
from typing import TYPE_CHECKING

from forebay.adapters.parsers.cleaning import collapse
from forebay.adapters.parsers.hypertext import seen
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.plain import decoded

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_HEADERS = ("Subject", "From", "To", "Cc", "Date")


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """One page. The old policy is used on purpose: the modern one parses addresses, for hours where there are many."""
    if os.path.getsize(path) > limits.mail_bytes:
        raise Refusal("too_large", f"Mail is read up to {limits.mail_bytes:,} bytes.")
    with open(path, "rb") as file:
        message = email.message_from_binary_file(file, policy=email.policy.compat32)
    blocks: list[str] = []
    for count, (part, parent) in enumerate(_parts(message), 1):
        if count > limits.mail_parts:
            raise Refusal("too_complex", f"The message has more than {limits.mail_parts:,} parts.")
        if part is message or part.get_content_type() != "message/rfc822":
            blocks.append(_shown(part, parent, limits))
    yield PageText("\n\n".join(block for block in blocks if block.strip()))


def _parts(root: Message) -> Iterator[tuple[Message, str]]:
    """Every part with its container's type, in order; without recursion, since nesting is the sender's choice."""
    waiting: list[tuple[Message, str]] = [(root, "message/rfc822")]
    while waiting:
        part, parent = waiting.pop()
        yield part, parent
        if part.is_multipart():
            children = [child for child in part.get_payload() if isinstance(child, Message)]
            if part.get_content_type() == "multipart/alternative":
                children = _preferred(children)
            waiting.extend((child, part.get_content_type()) for child in reversed(children))


def _preferred(alternatives: list[Message]) -> list[Message]:
    """Of alternatives, the plain text where it says something, else all."""
    for part in alternatives:
        if part.get_content_type() == "text/plain" and isinstance(part.get_payload(), str) and part.get_payload():
            return [part]
    return alternatives


def _shown(part: Message, parent: str, limits: ExtractionLimits) -> str:
    text: list[str] = []
    if parent == "message/rfc822":
        most = limits.mail_header_characters
        lines = (f"{name}: {_header(part, name, most)}" for name in _HEADERS if part.get(name))
        text.append("\n".join(lines) + "\n")
    if part.is_multipart():
        return "\n".join(text)
    kind = part.get_content_type()
    name = _file_name(part)
    if part.get_content_disposition() == "attachment" or name or kind not in ("text/plain", "text/html"):
        text.append(f"Attachment: {name or kind}" if name or kind.partition("/")[0] != "text" else "")
    else:
        body = decoded(_payload(part), _charset(part))
        text.append(seen(body[: limits.markup_bytes]) if kind == "text/html" else body)
    return "\n".join(text)


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _charset(part: Message) -> str:
    charset = part.get_param("charset", "")
    return charset if isinstance(charset, str) else str(charset[2])


def _file_name(part: Message) -> str:
    try:
        return collapse(_unfolded(part.get_filename() or ""))[:255]
    except (LookupError, ValueError):
        return ""


def _header(part: Message, name: str, most: int) -> str:
    return collapse(_unfolded(str(part.get(name))[:most]))


def _unfolded(value: str) -> str:
    """A header with its encoded words read; as it stands where they cannot be."""
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, ValueError, email.errors.HeaderParseError):
        return value
