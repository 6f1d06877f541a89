"""What to show of an outline: some of its nodes, as one text or in pieces."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from forebay.domain.outline import Kind, Node

_WORD: Final = re.compile(r"\w+|[^\w\s]")
_PARTS: Final[Mapping[Kind, Kind]] = {Kind.LIST: Kind.LIST_ITEM, Kind.TABLE: Kind.TABLE_ROW}  # none without the other


@dataclass(frozen=True, slots=True)
class Selection:
    """Which nodes are wanted: those of some kinds, or not of some kinds, or those with these numbers."""

    include: frozenset[Kind] | None = None  # None: all; a list's items and a table's rows go with it
    exclude: frozenset[Kind] = frozenset()
    numbers: frozenset[int] | None = None
    with_children: bool = True  # of the numbers
    with_ancestors: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a document that fits into a budget."""

    number: int  # of the node that it begins with
    text: str


def select(nodes: Sequence[Node], wanted: Selection) -> list[Node]:
    """The wanted nodes in order, each below the nearest ancestor that is left; the root stays if anything does."""
    chosen = _chosen(nodes, wanted)
    include = None if wanted.include is None else wanted.include | {_PARTS.get(kind, kind) for kind in wanted.include}
    exclude = wanted.exclude | {_PARTS.get(kind, kind) for kind in wanted.exclude}
    left = {
        node.number
        for node in nodes
        if (chosen is None or node.number in chosen)
        and (include is None or node.kind in include)
        and node.kind not in exclude
    }
    if not left:
        return []
    above = {0: 0}  # of every node: itself, or the nearest ancestor that is left
    for node in nodes[1:]:
        above[node.number] = node.number if node.number in left else above[node.parent]
    return [nodes[0], *(replace(node, parent=above[node.parent]) for node in nodes[1:] if node.number in left)]


def _chosen(nodes: Sequence[Node], wanted: Selection) -> set[int] | None:
    """The numbers that are asked for, with their kin; None when all are."""
    if wanted.numbers is None:
        return None
    chosen = {node.number for node in nodes if node.number in wanted.numbers}
    ancestors = {0} if chosen and wanted.with_ancestors else set[int]()
    for number in chosen if wanted.with_ancestors else ():
        while number not in ancestors:
            ancestors.add(number)
            number = nodes[number].parent  # noqa: PLW2901 - a walk up
    if wanted.with_children:
        for node in nodes[1:]:
            if node.parent in chosen:
                chosen.add(node.number)
    return chosen | ancestors


def words(text: str) -> int:
    """How many words and signs the text has; a model's tokenizer counts at least as many tokens."""
    return sum(1 for _ in _WORD.finditer(text))


def markdown(nodes: Sequence[Node]) -> str:
    """The nodes as one Markdown text."""
    return "".join(text for _, text in _texts(nodes))


def pieces(nodes: Sequence[Node], words_most: int) -> Iterator[Piece]:
    """The nodes' texts in order, in pieces of at most so many words, cut between nodes, lines, words in this order of
    preference."""
    number, text, count = 0, "", 0
    for node, part in _parts(nodes, words_most):
        more = words(part)
        if text and count + more > words_most:
            yield Piece(number, text)
            text, count = "", 0
        if not text:
            number, part = node.number, part.lstrip("\n")  # noqa: PLW2901 - a piece begins with its text
        text, count = text + part, count + more
    if text:
        yield Piece(number, text)


def _parts(nodes: Sequence[Node], words_most: int) -> Iterator[tuple[Node, str]]:
    for node, text in _texts(nodes):
        if words(text) <= words_most:
            yield node, text
            continue
        for line in text.splitlines(keepends=True):
            starts = [found.start() for found in _WORD.finditer(line)][words_most::words_most]
            for start, end in zip([0, *starts], [*starts, len(line)], strict=True):
                yield node, line[start:end]


def _texts(nodes: Sequence[Node]) -> Iterator[tuple[Node, str]]:
    """Each node that has something to say, in order, with an empty line before a block after a list."""
    kinds = {node.number: node.kind for node in nodes}
    within_list = False
    for node in nodes:
        if not node.text or (node.kind is Kind.TABLE_ROW and kinds[node.parent] is Kind.TABLE):
            continue
        gap = "\n" if within_list and node.kind is not Kind.LIST_ITEM else ""
        within_list = node.kind is Kind.LIST_ITEM
        yield node, gap + node.text
