"""Read a query to its end."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from forebay.domain.records import Query, Record
from forebay.service.engine import Engine


def pages(engine: Engine, query: Query) -> Iterator[Sequence[Record]]:
    """The records of the query's pages, one after the other, read as they are asked for; a page may be empty.

    Raises TransientError.
    """
    while True:
        page = engine.records.query(query)
        yield page.records
        if page.next is None:
            return
        query = replace(query, after=page.next)
