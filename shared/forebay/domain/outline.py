"""A document's text as a tree of headings, paragraphs, lists and tables; the text is read as Markdown, which plain text
mostly is, too. Line by line, in one pass, so that a large document costs in proportion.

Sources: CommonMark 0.31 (https://spec.commonmark.org/0.31.2/) and GitHub's tables (https://github.github.com/gfm/).
Inline markup, block quotes, code and HTML stay as they are written, in text nodes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DEPTH_MOST: Final = 8  # of lists in lists; deeper ones go on at this depth


class Kind(StrEnum):
    """What a node is."""

    ROOT = "root"
    SECTION = "section"  # a heading, and what stands below it
    TEXT = "text"
    LIST = "list"
    LIST_ITEM = "list_item"
    TABLE = "table"
    TABLE_ROW = "table_row"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class Node:
    """A node; its text is Markdown and ends with its line ends. A table's text holds its rows, no other text holds
    what its children say."""

    number: int  # from 0, in the order of the document; a node's parent has a smaller one
    parent: int  # the root's is its own
    kind: Kind
    text: str = ""


# No two of a pattern's repetitions can share the same run of characters: none goes over a long line more than once.
_HEADING: Final = re.compile(r" {0,3}(#{1,6})((?:[ \t].*)?)")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*")
_ITEM: Final = re.compile(r"([ \t]*)([-*+]|\d{1,9}[.)])[ \t]+(\S.*)")
_BREAK: Final = re.compile(r" {0,3}([-*_])[ \t]*(?:\1[ \t]*){2,}")
_DELIMITER: Final = re.compile(r"\|?[ \t]*:?-+:?(?:[ \t]*\|[ \t]*:?-+:?)*(?:[ \t]*\|)?")
_PIPE: Final = re.compile(r"(?<!\\)\|")
_IMAGE: Final = re.compile(r"!\[[^\]]*\]\([^)\s]+(?:[ \t]+\"[^\"]*\")?\)")


def outline(text: str) -> list[Node]:
    """The nodes of the text in their order; the first is the root."""
    return _Reader(text).read()


class _Reader:
    """Goes through the lines once; each `_take` looks at the line that it stands at, and moves on if it takes it."""

    def __init__(self, text: str) -> None:
        self._lines = text.expandtabs(4).split("\n")
        self._at = 0
        self._nodes = [Node(0, 0, Kind.ROOT)]
        self._sections: list[tuple[int, int]] = []  # level and number of the headings that are open

    def read(self) -> list[Node]:
        takers = (self._take_heading, self._take_fence, self._take_break, self._take_table, self._take_list)
        while self._at < len(self._lines):
            if not self._lines[self._at].strip():
                self._at += 1
            elif not any(take() for take in takers):
                self._take_paragraph()
        return self._nodes

    def _add(self, kind: Kind, text: str = "", parent: int | None = None) -> int:
        number = len(self._nodes)
        if parent is None:
            parent = self._sections[-1][1] if self._sections else 0
        self._nodes.append(Node(number, parent, kind, text))
        return number

    def _line(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._lines[at] if at < len(self._lines) else ""

    def _add_section(self, level: int, title: str) -> None:
        while self._sections and self._sections[-1][0] >= level:
            self._sections.pop()
        self._sections.append((level, self._add(Kind.SECTION, f"{'#' * level} {title}\n\n")))

    # -- blocks --------------------------------------------------------------------------------------------------------

    def _take_heading(self) -> bool:
        found = _HEADING.fullmatch(self._line())
        if found is None:
            return False
        self._add_section(len(found[1]), _title(found[2]))
        self._at += 1
        return True

    def _take_fence(self) -> bool:
        found = _FENCE.fullmatch(self._line())
        if found is None:
            return False
        end = self._at + 1
        while end < len(self._lines) and not _closes(self._lines[end], found[1]):
            end += 1
        self._add(Kind.TEXT, "\n".join(self._lines[self._at : end + 1]).rstrip() + "\n\n")
        self._at = end + 1
        return True

    def _take_break(self) -> bool:
        if _BREAK.fullmatch(self._line()) is None:
            return False
        self._add(Kind.TEXT, self._line().strip() + "\n\n")
        self._at += 1
        return True

    def _take_table(self) -> bool:
        if not _starts_table(self._line(), self._line(1)):
            return False
        header = _cells(self._line())
        self._at += 2
        rows = []
        while "|" in self._line():
            cells = _cells(self._line())
            rows.append(_row([*cells, *[""] * (len(header) - len(cells))]))
            self._at += 1
        table = self._add(Kind.TABLE, _row(header) + _row(["-"] * len(header)) + "".join(rows) + "\n")
        for row in rows:
            self._add(Kind.TABLE_ROW, row, table)
        return True

    def _take_list(self) -> bool:
        if _item(self._line()) is None:
            return False
        items = _Items(self)
        while self._at < len(self._lines):
            found = _item(self._line())
            if found is not None:
                items.add(len(found[1]), found[2], found[3].rstrip())
            elif not self._continues(items):
                break
            self._at += 1
        items.close()
        return True

    def _continues(self, items: "_Items") -> bool:
        """Does the line belong to the list's last item, or is it the gap before another line of the list?"""
        line = self._line()
        if line.strip():
            lazy = bool(self._line(-1).strip()) and not self._starts_other()
            if not lazy and not line.startswith("  "):
                return False
            items.extend(line.strip())
            return True
        following = self._line(1)
        return _item(following) is not None or following.startswith("  ")

    def _take_paragraph(self) -> None:
        first = self._at
        while True:
            self._at += 1
            line = self._line()
            title = _UNDERLINE.fullmatch(line)
            if title is not None and self._at < len(self._lines):
                heading = " ".join(each.strip() for each in self._lines[first : self._at])
                self._add_section(1 if title[1][0] == "=" else 2, heading)
                self._at += 1
                return
            if not line.strip() or self._starts_other():
                break
        lines = self._lines[first : self._at]
        kind = Kind.IMAGE if len(lines) == 1 and _IMAGE.fullmatch(lines[0].strip()) else Kind.TEXT
        self._add(kind, "\n".join(line.rstrip() for line in lines).strip() + "\n\n")

    def _starts_other(self) -> bool:
        """Does another block begin here, right after a line of text?"""
        line = self._line()
        found = _item(line)
        return (
            _HEADING.fullmatch(line) is not None
            or _FENCE.fullmatch(line) is not None
            or (found is not None and (found[2] in "-*+" or found[2][:-1] == "1"))
            or _BREAK.fullmatch(line) is not None
            or _starts_table(line, self._line(1))
        )

    def add_list(self, items: Sequence[tuple[int, str]]) -> None:
        """Add a list of (depth, text): an item of depth n belongs to the last one of depth n-1."""
        lists: list[int] = []  # by depth
        parents: list[int] = []  # the last item of each depth
        for depth, text in items:
            del lists[depth + 1 :], parents[depth:]
            if len(lists) <= depth:
                lists.append(self._add(Kind.LIST, parent=parents[-1] if parents else None))
            parents.append(self._add(Kind.LIST_ITEM, text, lists[depth]))


class _Items:
    """The items of a list as they come: an item that is indented further than the one before lies within it."""

    def __init__(self, reader: _Reader) -> None:
        self._reader = reader
        self._indents: list[int] = []
        self._items: list[tuple[int, list[str]]] = []

    def add(self, indent: int, marker: str, text: str) -> None:
        while self._indents and self._indents[-1] > indent:
            self._indents.pop()
        if not self._indents or (self._indents[-1] + 1 < indent and len(self._indents) < DEPTH_MOST):
            self._indents.append(indent)
        depth = len(self._indents) - 1
        self._items.append((depth, [f"{'  ' * depth}{'*' if marker in '-*+' else marker} {text}"]))

    def extend(self, text: str) -> None:
        depth, lines = self._items[-1]
        lines.append(f"{'  ' * (depth + 1)}{text}")

    def close(self) -> None:
        self._reader.add_list([(depth, "\n".join(lines) + "\n") for depth, lines in self._items])


def _title(text: str) -> str:
    """A heading's text without the number signs that may close it."""
    title = text.strip()
    before = title.rstrip("#")
    return before.rstrip() if not before or before[-1] in " \t" else title


def _item(line: str) -> re.Match[str] | None:
    found = _ITEM.fullmatch(line)
    return None if found is not None and _BREAK.fullmatch(line) else found


def _closes(line: str, fence: str) -> bool:
    return line.strip().startswith(fence) and not line.strip().strip(fence[0])


def _starts_table(line: str, following: str) -> bool:
    if "|" not in line or "-" not in following or _DELIMITER.fullmatch(following.strip()) is None:
        return False
    return len(_cells(line)) == len(_cells(following))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip() for cell in _PIPE.split(inner)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"
