"""FetchDocument: get what stands at a document's URL into the data bucket, then have it extracted.

The function that does this meets foreign servers, so it has neither the table nor any other rights that it could be
tricked into using. It cannot check the fence, and it cannot fail the document: instead of the content it leaves an
empty object that says why there is none, and extract fails the document by it. That its run has died it learns from
the URL, which is purged before the content:

    purge   deletes the URL ........ lists and deletes the rest
    fetch                   puts the content ... looks for the URL: gone → deletes the content

Whichever is last, the content goes.
"""

import logging
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from forebay.domain import keys
from forebay.domain.commands import ExtractDocument, FetchDocument
from forebay.domain.errors import DocumentError, Superseded
from forebay.domain.fetched import fetched_metadata, refusal_metadata
from forebay.service.engine import Engine

log = logging.getLogger(__name__)

_MARGIN_SECONDS: Final = 30  # of the invocation, kept for storing the content; of a short one, a quarter
_DELAYS_SECONDS: Final = (5, 20, 80, 320)  # before the server is asked again


def fetch(engine: Engine, command: FetchDocument) -> None:
    """Do the command; any number of times. Raises Superseded, TransientError."""
    url = _url(engine, command)
    with tempfile.TemporaryDirectory() as folder:
        content = Path(folder) / "content"
        metadata = _fetched(engine, command, url, content)
        if metadata is None:
            return
        engine.objects.put_file(command.source, content, metadata)
    _url(engine, command)  # it may have been purged meanwhile
    extract = ExtractDocument(
        tenant=command.tenant, collection=command.collection, key=command.key, run=command.run, lane=command.lane
    )
    engine.queues.offer([extract])


def _url(engine: Engine, command: FetchDocument) -> str:
    """The document's URL. When it is purged, so is what we, or one of us who died, may have put there after that."""
    url = engine.objects.get(keys.url_object(command.source))
    if url is None:
        engine.objects.delete_prefix(command.source)
        raise Superseded("the run is dead and purged")
    return url.decode()


def _fetched(engine: Engine, command: FetchDocument, url: str, content: Path) -> Mapping[str, str] | None:
    """What is to stand with the content, which is in the file now; None when the server will be asked again."""
    facts = {"document_key": command.key, "tries": command.tries}
    try:
        fetched = engine.fetcher.fetch(
            url, content, most_bytes=engine.policy.limits.file_bytes, wall_seconds=_wall_seconds(engine)
        )
    except DocumentError as error:
        log.info("document not fetched", extra=facts | {"code": error.code})
        if error.code == "url_unreachable" and command.tries < len(_DELAYS_SECONDS):
            again = command.model_copy(update={"tries": command.tries + 1})
            engine.queues.offer([again], delay_seconds=_DELAYS_SECONDS[command.tries])
            return None
        content.write_bytes(b"")
        return refusal_metadata(error)
    log.info("document fetched", extra=facts | {"size": content.stat().st_size})
    return fetched_metadata(fetched)


def _wall_seconds(engine: Engine) -> float:
    remaining = engine.remaining_seconds()
    return remaining - min(_MARGIN_SECONDS, remaining / 4)
