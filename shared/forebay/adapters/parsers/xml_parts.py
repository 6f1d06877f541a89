"""Reads the XML in office archives: as it comes, without entities, networks or trees larger than needed."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from lxml import etree

from forebay.adapters.parsers.archive import Archive
from forebay.adapters.parsers.outcome import Refusal

_OUT_OF_MEMORY = 2  # libxml2's XML_ERR_NO_MEMORY


def local(tag: object) -> str:
    """An XML name without its namespace ("" for comments and instructions)."""
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def walk(archive: Archive, name: str, tags: tuple[str, ...]) -> Iterator[tuple[str, etree._Element, str]]:
    """(event, element, local name) for the starts and ends of elements with these local names, as they are read.

    The caller clears what it has used. Entities are not resolved and nothing is fetched.
    """
    with archive.stream(name) as stream:
        events = etree.iterparse(
            stream,
            events=("start", "end"),
            tag=["{*}" + tag for tag in tags],
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
        )
        try:
            for event, element in events:
                yield str(event), element, local(element.tag)
        except etree.XMLSyntaxError as error:
            raise _broken_xml(error, name) from error


def parsed(data: bytes, name: str) -> etree._Element:
    """A small XML part as a tree."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise _broken_xml(error, name) from error


def _broken_xml(error: etree.XMLSyntaxError, name: str) -> Refusal:
    if getattr(error, "code", None) == _OUT_OF_MEMORY:
        return Refusal("too_complex", f"{name} needs too much memory.")
    return Refusal("corrupt", f"{name} is not well-formed XML, or nested or expanded beyond reason.")


def forget(element: etree._Element) -> None:
    """Free an element that was read, and its elder siblings, which were read before it."""
    element.clear()
    parent = element.getparent()
    if parent is not None:
        while element.getprevious() is not None:
            del parent[0]


def relations(archive: Archive, part: str) -> dict[str, tuple[str, str]]:
    """id -> (type's last word, part name) of the parts that an OOXML part refers to within the archive."""
    folder, _, file = part.rpartition("/")
    name = f"{folder}/_rels/{file}.rels"
    if not archive.has(name):
        return {}
    found: dict[str, tuple[str, str]] = {}
    for relation in parsed(archive.read(name), name):
        target = str(relation.get("Target") or "")
        if relation.get("TargetMode") == "External" or not target:
            continue
        full = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
        if archive.has(full):
            found[str(relation.get("Id") or "")] = (str(relation.get("Type") or "").rpartition("/")[2], full)
    return found
