"""From the items of a task to the documents that they mean."""

from forebay.dialects.embedding_studio.bodies import DataItem
from forebay.domain import requests
from forebay.domain.document import is_name, stand_in
from forebay.domain.entry import CALLER_BYTES_MOST
from forebay.domain.errors import CATALOGUE
from forebay.domain.metadata import filterable_part, members_line


def document_of_item(item: DataItem, position: int) -> requests.DocumentRequest:
    """The document that the item means. One that can never be stored gets a source that says so, and fails alone."""
    id_, source, payload = item.object_id, source_of_item(item), dict(item.payload or {})
    if not is_name(id_):
        kind = CATALOGUE["invalid_id"]
        id_, source = stand_in(id_), requests.BadSource(kind.code, f"{kind.title} {kind.hint}")
    payload.pop("text", None)
    metadata = filterable_part(payload, CALLER_BYTES_MOST)
    return requests.DocumentRequest(id_, "", "", source, metadata, position, memo=item.model_dump_json())


def source_of_item(item: DataItem) -> requests.Source:
    """What is embedded of an item: its payload's text, else its payload as a line, else the object it points at."""
    payload, info = item.payload or {}, item.item_info or {}
    text = payload.get("text")
    text = text if isinstance(text, str) and text.strip() else members_line(payload)
    if text:
        return requests.TextSource(text)
    bucket, file, uri = (info.get(name) for name in ("bucket", "file", "source"))
    if isinstance(uri, str) and uri.startswith("s3://") and not (bucket and file):
        bucket, _, file = uri.removeprefix("s3://").partition("/")
    if isinstance(bucket, str) and isinstance(file, str) and bucket and file:
        return requests.ObjectSource(bucket, file)
    told = "There is nothing to embed: payload has no text, item_info no object (bucket and file, or an s3:// source)."
    return requests.BadSource("empty_document", told)
