"""Makes small files that attack whoever reads them: bombs, cycles, depth, lies about size, type and count.

`HOSTILE` maps a file name to its maker and to the outcomes that are right: error codes, or `text` for being read.
"""

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final

from tests import files

_MEGABYTE: Final = 1 << 20


def _deflated_entry(name: str, unit: bytes, times: int, before: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO(files.archive(before))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED, compresslevel=6) as archive, archive.open(name, "w") as entry:
        for _ in range(times):
            entry.write(unit)
    return out.getvalue()


def docx_bomb() -> bytes:
    """60 MB of one text node in 60 kB."""
    return _deflated_entry("word/document.xml", b"<w>" + b"a" * _MEGABYTE, 60, {})


def zip_with_many_entries() -> bytes:
    """A Word document among thousands of empty entries."""
    return files.archive({"word/document.xml": "<w/>", **{f"{number}": "" for number in range(3000)}})


def nested_zip() -> bytes:
    """A ZIP in a ZIP, ten deep."""
    content = b"x" * 1000
    for _ in range(10):
        content = files.archive({"inner.zip": content})
    return content


def zip_that_lies() -> bytes:
    """A Word document whose directory says that its 20 MB are 100 bytes."""
    data = bytearray(_deflated_entry("word/document.xml", b"a" * _MEGABYTE, 20, {}))
    size = (20 * _MEGABYTE).to_bytes(4, "little")
    return bytes(data).replace(size, (100).to_bytes(4, "little"))


def billion_laughs() -> bytes:
    """Entities that expand to 10^9 words."""
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE d [<!ENTITY e0 "lol">{entities}]>'
    return files.archive({"word/document.xml": f'<?xml version="1.0"?>{doctype}<d><p><t>&e9;</t></p></d>'})


def outside_entity() -> bytes:
    """An entity that names a file of the machine."""
    doctype = '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    return files.archive({"word/document.xml": f"{doctype}<d><p><t>before &x; after</t></p></d>"})


def deep_xml() -> bytes:
    """100,000 elements inside one another."""
    return files.archive({"word/document.xml": "<a>" * 100_000 + "</a>" * 100_000})


def huge_sheet() -> bytes:
    """A kilobyte that says it has 17 billion cells, one in the last corner."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f'<dimension ref="A1:XFD1048576"/><sheetData>{cells}</sheetData></worksheet>'
    )
    return files.xlsx({"Sheet": []}, raw=sheet)


def deep_html() -> bytes:
    """A megabyte of open elements."""
    return b"<html><body>" + b"<div>" * 200_000 + b"text"


def html_of_attributes() -> bytes:
    """One element with 100,000 attributes."""
    return b"<html><body><p " + b" ".join(b"a%d=1" % number for number in range(100_000)) + b">text</p>"


def truncated_pdf() -> bytes:
    """The first half of a PDF."""
    whole = files.pdf(["A page that will be cut off."] * 3)
    return whole[: len(whole) // 2]


def cyclic_pdf() -> bytes:
    """A page tree whose node is its own child."""
    return files.pdf_objects([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"])


def _one_page_pdf(contents: bytes) -> bytes:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R/Resources<<>>>>"
    return files.pdf_objects([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, contents])


def pdf_bomb() -> bytes:
    """A page whose content unzips, in two steps, to 400 MB."""
    squeeze = zlib.compressobj(1)
    inner = b"".join(squeeze.compress(b" " * _MEGABYTE) for _ in range(400)) + squeeze.flush()
    return _one_page_pdf(files.pdf_stream(zlib.compress(inner, 9), b"/Filter[/FlateDecode/FlateDecode]"))


def pdf_of_laughs() -> bytes:
    """Forms that draw forms, ten each, twelve deep."""
    form = b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F %d 0 R>>>>"
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R"
        b"/Resources<</XObject<</F 5 0 R>>/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>"
    )
    forms = [files.pdf_stream(b"/F Do " * 10, form % (6 + depth)) for depth in range(12)]
    last = files.pdf_stream(b"BT /F1 9 Tf (x) Tj ET", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    tree = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page]
    return files.pdf_objects([*tree, files.pdf_stream(b"/F Do " * 10), *forms, last])


def pdf_of_a_million_pages() -> bytes:
    """One page that says it is a million."""
    return files.pdf(["The only page."]).replace(b"/Count 1", b"/Count 1000000")


def mail_of_many_parts() -> bytes:
    """A message of 20,000 parts."""
    head = b'Subject: parts\r\nFrom: a@example.org\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    return head + b"--b\r\n\r\nx\r\n" * 20_000 + b"--b--\r\n"


def deep_mail() -> bytes:
    """Multiparts inside one another, 5,000 deep."""
    out = [b"Subject: deep\r\nFrom: a@example.org\r\n"]
    for depth in range(5000):
        out.append(b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth))
    return b"".join(out) + b"\r\ntext\r\n"


def mail_of_an_unknown_charset() -> bytes:
    """A body in a charset that nobody knows, and an encoded subject in another."""
    return (
        b"Subject: =?x-nobody?Q?caf=E9?=\r\nFrom: a@example.org\r\nTo: b@example.org\r\n"
        b"Content-Type: text/plain; charset=x-unknown\r\nContent-Transfer-Encoding: 8bit\r\n\r\nun caf\xe9 noir\r\n"
    )


def mail_of_a_long_header() -> bytes:
    """A header of 2 MB and 50,000 recipients."""
    to = b",\r\n ".join(b"user%d@example.org" % number for number in range(50_000))
    return b"Subject: " + b"long " * 200_000 + b"\r\nFrom: a@example.org\r\nTo: " + to + b"\r\n\r\nthe body\r\n"


def epub_of_one_chapter() -> bytes:
    """A spine that lists one chapter of a megabyte 1,000 times."""
    return files.epub("Again", [("Again", ["and again " * 100_000])], spine=[0] * 1000)


def deep_json() -> bytes:
    """100,000 lists inside one another."""
    return b"[" * 100_000 + b"]" * 100_000


def one_endless_word() -> bytes:
    """Three megabytes without a space or a line end."""
    return b"x" * (3 * _MEGABYTE)


READ: Final = "text"
HOSTILE: Final[Mapping[str, tuple[Callable[[], bytes], frozenset[str]]]] = {
    "bomb.docx": (docx_bomb, frozenset({"too_complex"})),
    "entries.docx": (zip_with_many_entries, frozenset({"too_complex"})),
    "nested.zip": (nested_zip, frozenset({"unsupported_type"})),
    "lies.docx": (zip_that_lies, frozenset({"too_complex", "corrupt"})),
    "laughs.docx": (billion_laughs, frozenset({"corrupt", "too_complex", READ})),
    "entity.docx": (outside_entity, frozenset({"corrupt", READ})),
    "deep.docx": (deep_xml, frozenset({"corrupt", "too_complex"})),
    "corner.xlsx": (huge_sheet, frozenset({"too_complex"})),
    "deep.html": (deep_html, frozenset({"too_complex", READ})),
    "attributes.html": (html_of_attributes, frozenset({"too_complex", READ})),
    "truncated.pdf": (truncated_pdf, frozenset({"corrupt", READ})),
    "cycle.pdf": (cyclic_pdf, frozenset({"corrupt", READ})),
    "bomb.pdf": (pdf_bomb, frozenset({"too_complex"})),
    "laughs.pdf": (pdf_of_laughs, frozenset({"too_complex", READ})),
    "million.pdf": (pdf_of_a_million_pages, frozenset({"too_large"})),
    "garbage.pdf": (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 40, frozenset({"corrupt"})),
    "parts.eml": (mail_of_many_parts, frozenset({"too_complex"})),
    "deep.eml": (deep_mail, frozenset({"too_complex", "corrupt", READ})),
    "charset.eml": (mail_of_an_unknown_charset, frozenset({READ})),
    "header.eml": (mail_of_a_long_header, frozenset({"too_complex", READ})),
    "again.epub": (epub_of_one_chapter, frozenset({READ})),
    "deep.json": (deep_json, frozenset({READ})),
    "word.txt": (one_endless_word, frozenset({READ})),
    "zeros.txt": (lambda: bytes(100_000), frozenset({"unsupported_type"})),
    "cut.docx": (lambda: files.docx(["text"])[:-40], frozenset({"corrupt"})),
}
