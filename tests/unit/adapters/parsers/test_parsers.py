"""What each parser makes of a small file; the process around it is tested with the port's contract."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from forebay.adapters.parsers import (
    epub,
    hypertext,
    mail,
    opendocument,
    pdf,
    plain,
    rich_text,
    slides,
    spreadsheet,
    structured,
    table,
    word,
)
from forebay.adapters.parsers.outcome import PageText, Refusal
from forebay.domain.limits import ExtractionLimits
from tests import files

Pages = Callable[[str, ExtractionLimits], Iterator[PageText]]
Read = Callable[[Pages, bytes], list[str]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(pages: Pages, content: bytes) -> list[str]:
        path = tmp_path / "content"
        path.write_bytes(content)
        return [page.text for page in pages(str(path), ExtractionLimits())]

    return run


def test_docx_has_header_body_table_notes_and_footer_in_reading_order(read: Read) -> None:
    margins = {"footer": "the footer", "header": "the header", "footnotes": "a note"}

    (text,) = read(word.pages, files.docx(["First.", "Second."], table=[["a", "b"], ["c", "d"]], margins=margins))

    assert text.split("\n\n") == ["the header", "First.", "Second.", "a | b\nc | d", "a note", "the footer"]


def test_docx_text_boxes_come_once(read: Read) -> None:
    (text,) = read(word.pages, files.docx(["Body."], raw=files.docx_text_box("In the box.")))

    assert text == "Body.\n\nIn the box."


def test_docx_keeps_line_breaks_and_leaves_out_deleted_text(read: Read) -> None:
    raw = (
        "<w:p><w:r><w:t>one</w:t><w:br/><w:t>two</w:t></w:r><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>"
    )

    assert read(word.pages, files.docx([], raw=raw)) == ["one\ntwo"]


def test_pptx_pages_are_slides_in_the_presentations_order_with_notes(read: Read) -> None:
    pages = read(slides.pages, files.pptx([["One", "Point"], ["Two"], ["Three"]], notes={2: "Say this."}))

    assert pages == ["One\n\nPoint\n", "Two\n\nSay this.\n", "Three\n"]


def test_xlsx_pages_are_sheets_and_rows_carry_the_names_of_their_columns(read: Read) -> None:
    rows: list[list[files.Cell]] = [["Prices of 2026"], ["part", "price", "rate"], ["bolt", 12.0, 0.25], ["nut", 3, ""]]

    pages = read(spreadsheet.pages, files.xlsx({"Parts": rows, "Empty": []}))

    assert pages == [
        "Parts\n\nPrices of 2026\npart | price | rate\npart: bolt; price: 12; rate: 0.25\npart: nut; price: 3\n",
        "",
    ]


def test_a_sheet_that_is_a_form_is_no_table_with_a_header(read: Read) -> None:
    (page,) = read(spreadsheet.pages, files.xlsx({"Form": [["Title", "", "remark"], ["weight", 525, ""]]}))

    assert page == "Form\n\nTitle | remark\nweight | 525\n"


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_csv_rows_become_named_values_whatever_parts_them(separator: str, read: Read) -> None:
    content = separator.join(["part", "price"]) + "\r\n" + separator.join(['"hex\nbolt"', "12"]) + "\r\n"

    assert read(table.pages, content.encode()) == ["part | price\npart: hex bolt; price: 12\n"]


def test_csv_without_a_header_keeps_its_values(read: Read) -> None:
    assert read(table.pages, b"1,2\n3,4\n") == ["1 | 2\n3 | 4\n"]


def test_html_shows_what_a_reader_sees(read: Read) -> None:
    body = (
        "<h1>Gate</h1><p>The <b>left</b>\n gate &amp; rail</p><script>no()</script><style>no</style>"
        "<ul><li>one</li><li>two</li></ul><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<pre>x = 1\n  y</pre>"
    )

    (text,) = read(hypertext.pages, files.html("Gates", body))

    assert text == "Gates\n\nGate\n\nThe left gate & rail\n\none\ntwo\n\na | b\n1 | 2\n\nx = 1\n  y"


def test_html_is_decoded_as_it_declares(read: Read) -> None:
    page = '<html><head><meta charset="windows-1251"></head><body>Плотина</body></html>'

    assert read(hypertext.pages, page.encode("cp1251")) == ["Плотина"]


def test_epub_pages_are_chapters_in_the_spines_order_each_once(read: Read) -> None:
    book = files.epub("Book", [("One", ["first"]), ("Two", ["second"])], spine=[1, 0, 1])

    assert read(epub.pages, book) == ["Two\n\nsecond\n", "One\n\nfirst\n"]


def test_odt_has_paragraphs_and_tables(read: Read) -> None:
    (text,) = read(opendocument.pages, files.odt(["First.", "Second."], table=[["a", "b"], ["c", "d"]]))

    assert text == "First.\n\nSecond.\n\na | b\n\nc | d"


def test_rtf_keeps_characters_beyond_ascii(read: Read) -> None:
    assert read(rich_text.pages, files.rtf(["Schützenwehr", "水車"])) == ["Schützenwehr\n\n水車"]


def test_mail_has_headers_body_and_names_of_attachments(read: Read) -> None:
    (text,) = read(mail.pages, files.eml("Größe der Rechen", "The body.\n", attachments=["plan.pdf"]))

    assert text.startswith("Subject: Größe der Rechen\nFrom: a@example.org\nTo: b@example.org\nDate: Mon, 02 Mar")
    assert "The body." in text
    assert text.endswith("Attachment: plan.pdf")


def test_mail_prefers_plain_text_and_reads_html_where_there_is_no_other(read: Read) -> None:
    head = b'Subject: s\r\nFrom: a@example.org\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    plain_part = b"--b\r\nContent-Type: text/plain\r\n\r\nplain words\r\n"
    html_part = b"--b\r\nContent-Type: text/html\r\n\r\n<p>rich <b>words</b></p>\r\n"

    assert "rich" not in read(mail.pages, head + plain_part + html_part + b"--b--\r\n")[0]
    assert "rich words" in read(mail.pages, head + html_part + b"--b--\r\n")[0]


def test_mail_includes_forwarded_messages(read: Read) -> None:
    head = b'Subject: outer\r\nFrom: a@example.org\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    inner = b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: c@example.org\r\n\r\ninner body\r\n"

    (text,) = read(mail.pages, head + inner + b"--b--\r\n")

    assert "Subject: inner" in text
    assert "inner body" in text


def test_json_is_read_as_names_and_values(read: Read) -> None:
    content = (
        b'{"plant": "Larkmoor", "open": true, "gauges": [{"id": "G1", "unit": "m"}, {"id": "G2"}], "tags": ["a", 1]}'
    )

    assert read(structured.pages, content) == [
        "plant: Larkmoor\nopen: true\ngauges:\n  id: G1\n  unit: m\n\n  id: G2\n\ntags:\n  - a\n  - 1"
    ]


def test_json_lines_are_records(read: Read) -> None:
    assert read(structured.pages, b'{"a": 1}\n{"a": 2}\n') == ["a: 1\n\na: 2"]


def test_what_is_no_json_is_read_as_the_text_that_it_is(read: Read) -> None:
    assert read(structured.pages, b'{"a": 1,') == ['{"a": 1,']


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1251"])
def test_text_is_decoded_whatever_its_charset(charset: str, read: Read) -> None:
    text = "Плотина держит воду. The dam holds the water back. " * 20
    if charset == "utf-16-le":
        text = "The dam holds the water back. " * 20

    assert read(plain.pages, text.encode(charset)) == [text]


def test_a_pdf_without_header_is_read_by_the_second_opinion(read: Read) -> None:
    content = files.pdf(["Still readable."]).replace(b"%PDF-1.7", b"%PDF")

    assert "Still readable." in read(pdf.pages, content)[0]


def test_words_that_a_pdf_hyphenates_at_a_line_end_are_whole(read: Read) -> None:
    (text,) = read(pdf.pages, files.pdf(["The regula-\ntion of the river is done here."]))

    assert "\x02" not in text
    assert "regulation" in text


@pytest.mark.parametrize(
    ("pages", "content", "code"),
    [
        (word.pages, files.archive({"word/document.xml": "<w>"}), "corrupt"),
        (epub.pages, files.archive({"META-INF/rights.xml": ""}), "encrypted"),
        (opendocument.pages, files.archive({"META-INF/manifest.xml": "<encryption-data/>"}), "encrypted"),
        (spreadsheet.pages, b"no workbook", "corrupt"),
        (pdf.pages, b"%PDF-1.7 and nothing else", "corrupt"),
    ],
)
def test_files_that_cannot_be_read_say_why(pages: Pages, content: bytes, code: str, read: Read) -> None:
    with pytest.raises(Refusal) as caught:
        read(pages, content)

    assert caught.value.code == code
