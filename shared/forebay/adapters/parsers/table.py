"""Tables as text, and CSV. A row becomes one line of `header: value` pairs: a chunk of rows far from the header row
would otherwise hold values that nobody, and no embedding model, can tell the meaning of."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

from forebay.adapters.parsers.cleaning import collapse
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.adapters.parsers.plain import charset_of

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits

_LONGEST_HEADER = 60
_WIDEST = 60  # columns; naming each value of a wider table would drown the values
_LOOK_AHEAD = 10  # rows in which a header is looked for, after title lines


def lines(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A line for each row that is not empty; with names of columns where the table has a header row."""
    filled = ([collapse(cell) for cell in row] for row in rows)
    remaining = (row for row in filled if any(row))
    for _ in range(_LOOK_AHEAD):
        first = next(remaining, None)
        if first is None:
            return
        yield " | ".join(cell for cell in first if cell)
        if sum(map(bool, first)) > 1:
            break
    following = next(remaining, None)
    if first is None or following is None:
        return
    header = first if _is_header(first, following) else []
    for row in chain([following], remaining):
        yield _named(header, row) if header else " | ".join(cell for cell in row if cell)


def _is_header(first: Sequence[str], following: Sequence[str]) -> bool:
    """Two or more different short words side by side, no numbers, above a row that fills at least half of them."""
    named = [cell for cell in first if cell]
    return (
        1 < len(named) <= _WIDEST
        and all(first[first.index(named[0]) :][: len(named)])
        and len(set(named)) == len(named)
        and all(len(name) <= _LONGEST_HEADER and not _is_number(name) for name in named)
        and sum(map(bool, following)) * 2 >= len(named)
        and not any(following[len(first) :])
    )


def _is_number(cell: str) -> bool:
    return cell.strip("+-€$£%").replace(".", "").replace(",", "").replace(" ", "").isdigit()


def _named(header: Sequence[str], row: Sequence[str]) -> str:
    if sum(map(bool, row)) == 1:
        return next(cell for cell in row if cell)
    names = chain(header, ("" for _ in row))
    return "; ".join(f"{name}: {cell}" if name else cell for name, cell in zip(names, row, strict=False) if cell)


def pages(path: str, limits: ExtractionLimits) -> Iterator[PageText]:
    """CSV or TSV as lines, in blocks of about a hundred thousand characters that the worker makes pages of."""
    csv.field_size_limit(limits.page_characters)
    with open(path, "rb") as raw:
        charset = charset_of(raw)
    with open(path, encoding=charset, errors="replace", newline="") as file:
        sample = file.read(16_384)
        file.seek(0)
        total = 0
        block = io.StringIO()
        for line in lines(_rows(file, _delimiter(sample))):
            total += len(line) + 1
            if total > limits.characters:
                raise Refusal("too_large", f"The table has more than {limits.characters:,} characters.")
            if block.tell() + len(line) >= limits.page_characters:
                yield PageText(block.getvalue().removesuffix("\n"))
                block = io.StringIO()
            block.write(line + "\n")
        yield PageText(block.getvalue())


def _rows(file: Iterable[str], delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader((line.replace("\0", "") for line in file), delimiter=delimiter)
    except csv.Error as error:
        raise Refusal("corrupt", f"The table cannot be read: {error}.") from error


def _delimiter(sample: str) -> str:
    """The candidate that parts the first lines most evenly; a comma when none does."""
    heads = [line for line in sample.splitlines()[:20] if line][:10]
    best, most = ",", 0
    for candidate in (",", ";", "\t", "|"):
        counts = [line.count(candidate) for line in heads]
        score = min(counts, default=0) * 100 + sum(count > 0 for count in counts)
        if score > most:
            best, most = candidate, score
    return best
