"""Makes small valid files of every supported format, the same bytes each time; for tests and for our own samples."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from xml.sax.saxutils import escape

import pypdf

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

Cell = str | int | float


def archive(entries: Mapping[str, str | bytes], *, stored: Sequence[str] = ()) -> bytes:
    """A ZIP file with these entries in order, all of 1980; `stored` ones are not compressed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return out.getvalue()


def _package(parts: Mapping[str, str], kinds: Mapping[str, str], main: str) -> dict[str, str | bytes]:
    """The parts of an OOXML file with its content types and the relation to its main part."""
    overrides = "".join(f'<Override PartName="/{part}" ContentType="{kind}"/>' for part, kind in kinds.items())
    return {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>',
        "_rels/.rels": relations([("officeDocument", main)]),
        **parts,
    }


def relations(targets: Sequence[tuple[str, str]]) -> str:
    """A relations part: rId1 and on, each of a kind (the last word of its type) and with a target."""
    rows = "".join(
        f'<Relationship Id="rId{number}" Type="{_R}/{kind}" Target="{target}"/>'
        for number, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_RELATIONS}">{rows}</Relationships>'


def _paragraph(text: str) -> str:
    return f'<w:p><w:r><w:t xml:space="preserve">{escape(text)}</w:t></w:r></w:p>'


def _docx_table(rows: Sequence[Sequence[str]]) -> str:
    cells = ("".join(f"<w:tc>{_paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def docx_text_box(text: str) -> str:
    """A paragraph with a text box, which word processors write twice: for new readers and for old ones."""
    box = f"<w:txbxContent>{_paragraph(text)}</w:txbxContent>"
    return (
        '<w:p><w:r><mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f'<mc:Choice Requires="wps">{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>'
        "</mc:AlternateContent></w:r></w:p>"
    )


def docx(
    paragraphs: Sequence[str],
    *,
    table: Sequence[Sequence[str]] = (),
    margins: Mapping[str, str] | None = None,
    raw: str = "",
) -> bytes:
    """A Word document; the table comes last. `margins`: text by `header`, `footer`, `footnotes`; `raw`: body XML."""
    body = "".join(map(_paragraph, paragraphs)) + raw + (_docx_table(table) if table else "")
    roots = {"header": "hdr", "footer": "ftr", "footnotes": "footnotes"}
    base = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    parts = {
        "word/document.xml": f'{_HEAD}<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>',
        "word/_rels/document.xml.rels": relations([(kind, f"{kind}.xml") for kind in margins or {}]),
    }
    kinds = {"word/document.xml": f"{base}.document.main+xml"}
    for kind, text in (margins or {}).items():
        inner = f'<w:footnote w:id="1">{_paragraph(text)}</w:footnote>' if kind == "footnotes" else _paragraph(text)
        parts[f"word/{kind}.xml"] = f'{_HEAD}<w:{roots[kind]} xmlns:w="{_W}">{inner}</w:{roots[kind]}>'
        kinds[f"word/{kind}.xml"] = f"{base}.{kind}+xml"
    return archive(_package(parts, kinds, "word/document.xml"))


def _slide(paragraphs: Sequence[str], root: str) -> str:
    runs = "".join(f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p>" for text in paragraphs)
    shape = (
        '<p:sp><p:nvSpPr><p:cNvPr id="2" name="Text"/><p:cNvSpPr txBox="1"/><p:nvPr/></p:nvSpPr><p:spPr>'
        '<a:xfrm><a:off x="457200" y="457200"/><a:ext cx="8229600" cy="5943600"/></a:xfrm>'
        '<a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr>'
        f"<p:txBody><a:bodyPr/><a:lstStyle/>{runs}</p:txBody></p:sp>"
    )
    group = '<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>'
    return (
        f'{_HEAD}<p:{root} xmlns:p="{_P}" xmlns:a="{_A}" xmlns:r="{_R}">'
        f"<p:cSld><p:spTree>{group}{shape}</p:spTree></p:cSld></p:{root}>"
    )


def pptx(slides: Sequence[Sequence[str]], *, notes: Mapping[int, str] | None = None) -> bytes:
    """A presentation of slides (lists of paragraphs); `notes` by slide number. Slides are stored in reverse order of
    their file names, so that only the presentation's own list tells the order."""
    count = len(slides)
    ids = "".join(f'<p:sldId id="{255 + number}" r:id="rId{number}"/>' for number in range(1, count + 1))
    base = "application/vnd.openxmlformats-officedocument.presentationml"
    parts = {
        "ppt/presentation.xml": f'{_HEAD}<p:presentation xmlns:p="{_P}" xmlns:r="{_R}"><p:sldIdLst>{ids}</p:sldIdLst>'
        '<p:sldSz cx="9144000" cy="6858000"/><p:notesSz cx="6858000" cy="9144000"/></p:presentation>',
        "ppt/_rels/presentation.xml.rels": relations(
            [("slide", f"slides/slide{count - index}.xml") for index in range(count)]
        ),
    }
    kinds = {"ppt/presentation.xml": f"{base}.presentation.main+xml"}
    for number, paragraphs in enumerate(slides, 1):
        name = f"slide{count - number + 1}.xml"
        parts[f"ppt/slides/{name}"] = _slide(paragraphs, "sld")
        kinds[f"ppt/slides/{name}"] = f"{base}.slide+xml"
        if note := (notes or {}).get(number):
            parts[f"ppt/slides/_rels/{name}.rels"] = relations([("notesSlide", f"../notesSlides/notes{name}")])
            parts[f"ppt/notesSlides/notes{name}"] = _slide([note], "notes")
            kinds[f"ppt/notesSlides/notes{name}"] = f"{base}.notesSlide+xml"
    return archive(_package(parts, kinds, "ppt/presentation.xml"))


def _sheet(rows: Sequence[Sequence[Cell]], dimension: str) -> str:
    def cell(value: Cell) -> str:
        if isinstance(value, str):
            return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>' if value else "<c/>"
        return f"<c><v>{value}</v></c>"

    body = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in rows)
    stated = f'<dimension ref="{dimension}"/>' if dimension else ""
    return f'{_HEAD}<worksheet xmlns="{_S}">{stated}<sheetData>{body}</sheetData></worksheet>'


def xlsx(sheets: Mapping[str, Sequence[Sequence[Cell]]], *, dimension: str = "", raw: str = "") -> bytes:
    """A workbook. `dimension` is what each sheet says of its size; `raw` replaces every sheet's XML."""
    listed = "".join(
        f'<sheet name="{escape(name)}" sheetId="{number}" r:id="rId{number}"/>' for number, name in enumerate(sheets, 1)
    )
    base = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = {
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{_S}" xmlns:r="{_R}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            [("worksheet", f"worksheets/sheet{number}.xml") for number in range(1, len(sheets) + 1)]
        ),
    }
    kinds = {"xl/workbook.xml": f"{base}.sheet.main+xml"}
    for number, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{number}.xml"] = raw or _sheet(rows, dimension)
        kinds[f"xl/worksheets/sheet{number}.xml"] = f"{base}.worksheet+xml"
    return archive(_package(parts, kinds, "xl/workbook.xml"))


def html(title: str, body: str) -> bytes:
    """A page in UTF-8."""
    return f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title></head>\n\
<body>{body}</body></html>\n'.encode()


def epub(title: str, chapters: Sequence[tuple[str, Sequence[str]]], *, spine: Sequence[int] = ()) -> bytes:
    """A book of (heading, paragraphs); `spine` lists chapter indexes where the order is not the natural one."""
    order = spine or range(len(chapters))
    items = "".join(
        f'<item id="c{index}" href="text/c{index}.xhtml" media-type="application/xhtml+xml"/>'
        for index in range(len(chapters))
    )
    refs = "".join(f'<itemref idref="c{index}"/>' for index in order)
    entries: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'{_HEAD}<container version="1.0" '
        'xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile full-path="OPS/book.opf" '
        'media-type="application/oebps-package+xml"/></rootfiles></container>',
        "OPS/book.opf": f'{_HEAD}<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{escape(title)}</dc:title></metadata>'
        f"<manifest>{items}</manifest><spine>{refs}</spine></package>",
    }
    for index, (heading, paragraphs) in enumerate(chapters):
        text = "".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
        entries[f"OPS/text/c{index}.xhtml"] = (
            f'{_HEAD}<html xmlns="http://www.w3.org/1999/xhtml"><head><title>{escape(heading)}</title></head>'
            f"<body><h1>{escape(heading)}</h1>{text}</body></html>"
        )
    return archive(entries, stored=["mimetype"])


def odt(paragraphs: Sequence[str], *, table: Sequence[Sequence[str]] = ()) -> bytes:
    """An OpenDocument text; the table comes last."""
    rows = (
        "".join(f"<table:table-cell><text:p>{escape(cell)}</text:p></table:table-cell>" for cell in row)
        for row in table
    )
    body = "".join(f"<text:p>{escape(text)}</text:p>" for text in paragraphs)
    body += "<table:table>" + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows) + "</table:table>"
    ns = "urn:oasis:names:tc:opendocument:xmlns:"
    content = (
        f'{_HEAD}<office:document-content xmlns:office="{ns}office:1.0" xmlns:text="{ns}text:1.0" '
        f'xmlns:table="{ns}table:1.0"><office:body><office:text>{body}</office:text></office:body>'
        "</office:document-content>"
    )
    return archive({"mimetype": "application/vnd.oasis.opendocument.text", "content.xml": content}, stored=["mimetype"])


def rtf(paragraphs: Sequence[str]) -> bytes:
    """An RTF document; characters beyond ASCII are written as escapes."""

    def encoded(text: str) -> str:
        return "".join(char if ord(char) < 128 else f"\\u{ord(char)}?" for char in text)

    return ("{\\rtf1\\ansi " + "".join(f"{encoded(text)}\\par\n" for text in paragraphs) + "}").encode("ascii")


def eml(
    subject: str,
    body: str,
    *,
    sender: str = "a@example.org",
    to: str = "b@example.org",
    attachments: Sequence[str] = (),
) -> bytes:
    """A message in plain text with named attachments."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, sender, to
    message["Date"] = "Mon, 02 Mar 2026 09:15:00 +0000"
    message.set_content(body)
    for name in attachments:
        message.add_attachment(b"%PDF-1.4", maintype="application", subtype="pdf", filename=name)
    if attachments:
        message.set_boundary("=====boundary=====")
    return bytes(message)


def pdf_objects(objects: Sequence[bytes], *, header: bytes = b"%PDF-1.7\n", root: int = 1) -> bytes:
    """A PDF of these objects, numbered from 1, with a right cross-reference table."""
    out = bytearray(header)
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, root, start)
    return bytes(out)


def pdf_stream(data: bytes, extra: bytes = b"") -> bytes:
    """A stream object's body."""
    return b"<</Length %d%b>>stream\n%b\nendstream" % (len(data), extra, data)


def pdf(page_texts: Sequence[str]) -> bytes:
    """A PDF with one line of text per line (Latin-1) in Helvetica 11, a page per text."""
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(len(page_texts)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>>>"
        % (kids, len(page_texts)),
        font,
    ]
    for index, text in enumerate(page_texts):
        shown = b"".join(
            b"(%b)Tj T*\n" % line.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
            for line in text.split("\n")
        )
        objects.append(b"<</Type/Page/Parent 2 0 R/Contents %d 0 R>>" % (5 + 2 * index))
        objects.append(pdf_stream(b"BT /F1 11 Tf 14 TL 60 780 Td\n%bET" % shown))
    return pdf_objects(objects)


def scanned_pdf(pages: int = 1, *, stamp: str = "") -> bytes:
    """Pages that are only a picture, with a short stamp of real text if one is given."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%b]/Count %d/MediaBox[0 0 595 842]/Resources<</XObject<</I 3 0 R>>/Font<</F1 4 0 R>>>>>>"
        % (b" ".join(b"%d 0 R" % (6 + page) for page in range(pages)), pages),
        pdf_stream(
            b"\xaa" * 8, b"/Type/XObject/Subtype/Image/Width 8/Height 8/ColorSpace/DeviceGray/BitsPerComponent 1"
        ),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        pdf_stream(b"q 595 0 0 842 0 0 cm /I Do Q BT /F1 9 Tf 20 20 Td (%b)Tj ET" % stamp.encode("ascii")),
        *[b"<</Type/Page/Parent 2 0 R/Contents 5 0 R>>"] * pages,
    ]
    return pdf_objects(objects)


def encrypted_pdf(page_texts: Sequence[str], *, password: str) -> bytes:
    """A PDF encrypted with 128-bit RC4; an empty password lets everyone open it."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf(page_texts)))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
