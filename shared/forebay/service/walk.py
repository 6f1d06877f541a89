"""Walk a list that lies over several partitions, page by page, strongly consistent and in a stable order."""

from collections.abc import Callable, Sequence

from forebay.domain.records import Query, Record
from forebay.domain.requests import Window
from forebay.service.cursors import read_cursor, write_cursor
from forebay.service.engine import Engine

_QUERIES_MOST = 40  # for an answer; a page may come back short before the end


def walk(
    engine: Engine,
    partitions: Sequence[str],
    prefix: str,
    window: Window,
    *,
    wanted: Callable[[Record], bool] = lambda _: True,
) -> tuple[list[Record], str | None]:
    """The wanted records of the window, and the next cursor (None at the end).

    Raises CallerError invalid_request for a bad cursor.
    """
    if not partitions:
        return [], None
    shard, after = read_cursor(window.cursor, len(partitions), prefix)
    found: list[Record] = []
    for _ in range(_QUERIES_MOST):
        place = {"pk": partitions[shard], "sk": after} if after else None
        page = engine.records.query(
            Query(partitions[shard], prefix=prefix, limit=window.limit - len(found), after=place)
        )
        found += [record for record in page.records if wanted(record)]
        if page.next is not None:
            after = page.next["sk"]
        elif shard + 1 < len(partitions):
            shard, after = shard + 1, ""
        else:
            return found, None
        if len(found) >= window.limit:
            break
    return found, write_cursor(shard, after)
