"""What a `TextExtractor` promises, on the one that ships: every format is read, and no file harms the reader."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forebay.adapters.sandboxed_extractor import SandboxedExtractor
from forebay.domain.document import Page
from forebay.domain.errors import CATALOGUE, DocumentError
from forebay.domain.limits import ExtractionLimits
from forebay.domain.ports import FROM_THE_START, Beginning
from tests import files
from tests.hostile import HOSTILE, READ

_SMALL = ExtractionLimits(cpu_seconds=2, markup_cpu_seconds=1, memory_bytes=200 << 20, archive_entries=1000)
_TEXT = "The surge tank is at level 412."

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
_PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FORMATS = {
    "a.pdf": (files.pdf([_TEXT]), "application/pdf"),
    "a.docx": (files.docx([_TEXT]), _DOCX),
    "a.pptx": (files.pptx([[_TEXT]]), _PPTX),
    "a.xlsx": (files.xlsx({"Levels": [[_TEXT]]}), _XLSX),
    "a.html": (files.html("Levels", f"<p>{_TEXT}</p>"), "text/html"),
    "a.epub": (files.epub("Book", [("Levels", [_TEXT])]), "application/epub+zip"),
    "a.odt": (files.odt([_TEXT]), "application/vnd.oasis.opendocument.text"),
    "a.rtf": (files.rtf([_TEXT]), "application/rtf"),
    "a.eml": (files.eml("Levels", _TEXT), "message/rfc822"),
    "a.md": (f"# Levels\n\n{_TEXT}\n".encode(), "text/markdown"),
    "a.txt": (_TEXT.encode(), "text/plain"),
    "a.csv": (f"name,text\nlevel,{_TEXT}\n".encode(), "text/csv"),
    "a.json": (f'{{"level": "{_TEXT}"}}'.encode(), "application/json"),
}


def read(
    content: bytes,
    folder: Path,
    *,
    name: str | None = None,
    declared: str | None = None,
    limits: ExtractionLimits = _SMALL,
    wall_seconds: float = 60,
    begin: Beginning = FROM_THE_START,
) -> tuple[str, list[Page]]:
    path = folder / "content"
    path.write_bytes(content)
    extractor = SandboxedExtractor(limits)
    claims = {"declared_media_type": declared, "name": name}
    with extractor.extract(path, **claims, wall_seconds=wall_seconds, begin=begin) as extraction:
        return extraction.media_type, list(extraction.pages)


def refusal(
    content: bytes,
    folder: Path,
    *,
    name: str | None = None,
    limits: ExtractionLimits = _SMALL,
    begin: Beginning = FROM_THE_START,
) -> str:
    with pytest.raises(DocumentError) as caught:
        read(content, folder, name=name, limits=limits, begin=begin)
    return caught.value.code


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_its_type_and_text(name: str, tmp_path: Path) -> None:
    content, media_type = FORMATS[name]

    found, pages = read(content, tmp_path, name=name)

    assert found == media_type
    assert _TEXT in "\n".join(page.text for page in pages)
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))


@pytest.mark.parametrize("name", [name for name in FORMATS if name[2:] not in ("md", "csv", "txt")])
def test_content_decides_where_the_name_lies(name: str, tmp_path: Path) -> None:
    content, media_type = FORMATS[name]

    found, pages = read(content, tmp_path, name="lie.bin", declared="application/octet-stream")

    assert found == media_type
    assert _TEXT in "\n".join(page.text for page in pages)


def test_a_declared_type_decides_between_kinds_of_text(tmp_path: Path) -> None:
    assert read(b"a;b\n1;2\n", tmp_path, declared="text/csv; charset=utf-8")[0] == "text/csv"
    assert read(b"a;b\n1;2\n", tmp_path, declared="text/plain", name="n.md")[0] == "text/markdown"
    assert read(b"a;b\n1;2\n", tmp_path)[0] == "text/plain"


def test_pages_of_a_pdf_come_in_order_with_their_own_text(tmp_path: Path) -> None:
    _, pages = read(files.pdf([f"This is page {number} of the manual." for number in range(1, 131)]), tmp_path)

    assert [page.text for page in pages] == [f"This is page {number} of the manual." for number in range(1, 131)]


def test_scanned_pages_are_reported_as_needing_ocr(tmp_path: Path) -> None:
    _, pages = read(files.scanned_pdf(2), tmp_path)
    _, stamped = read(files.scanned_pdf(1, stamp="page 7"), tmp_path)

    assert pages == [Page(1, "", needs_ocr=True), Page(2, "", needs_ocr=True)]
    assert stamped == [Page(1, "page 7", needs_ocr=True)]


def test_an_empty_password_opens_a_pdf_and_any_other_does_not(tmp_path: Path) -> None:
    _, pages = read(files.encrypted_pdf([_TEXT], password=""), tmp_path)

    assert pages[0].text == _TEXT
    assert refusal(files.encrypted_pdf([_TEXT], password="secret"), tmp_path) == "encrypted"


def test_a_file_without_bytes_is_empty(tmp_path: Path) -> None:
    assert refusal(b"", tmp_path, name="a.txt") == "empty_document"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "image/png"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "image/jpeg"),
        (files.archive({"a.txt": "text"}), "ZIP"),
        (b"\x7fELF" + bytes(100), "application/x-executable"),
    ],
)
def test_an_unsupported_file_is_refused_by_name(content: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(DocumentError) as caught:
        read(content, tmp_path, name="report.pdf")

    assert caught.value.code == "unsupported_type"
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("stream", "code"),
    [
        ("WordDocument", "unsupported_type"),
        ("PowerPoint Document", "unsupported_type"),
        ("EncryptedPackage", "encrypted"),
    ],
)
def test_old_and_protected_office_files_are_told_apart(stream: str, code: str, tmp_path: Path) -> None:
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(30, b"\0") + b"\x09\0" + bytes(16) + bytes(464)
    directory = "Root Entry".encode("utf-16-le").ljust(128, b"\0") + stream.encode("utf-16-le")

    assert refusal(header + directory.ljust(512, b"\0"), tmp_path) == code


@pytest.mark.parametrize(
    ("limits", "name", "content"),
    [
        (ExtractionLimits(file_bytes=10), "a.txt", b"more than ten bytes"),
        (ExtractionLimits(pages=2), "a.pdf", files.pdf(["one", "two", "three"])),
        (ExtractionLimits(pages=2), "a.pptx", files.pptx([["one"], ["two"], ["three"]])),
        (ExtractionLimits(characters=10), "a.txt", b"more than ten characters"),
        (ExtractionLimits(characters=10), "a.pdf", files.pdf(["more than ten characters"])),
        (ExtractionLimits(markup_bytes=10), "a.html", b"<html><p>long</p></html>"),
        (ExtractionLimits(mail_bytes=10), "a.eml", files.eml("subject", "body")),
    ],
)
def test_documents_over_a_limit_are_too_large(
    limits: ExtractionLimits, name: str, content: bytes, tmp_path: Path
) -> None:
    assert refusal(content, tmp_path, name=name, limits=limits) == "too_large"


def test_text_longer_than_a_page_goes_on_in_the_next_without_a_change(tmp_path: Path) -> None:
    text = "\n".join(f"line {number} of a long log" for number in range(1000))

    _, pages = read(text.encode(), tmp_path, limits=ExtractionLimits(page_characters=2000))

    assert len(pages) > 10
    assert max(len(page.text) for page in pages) <= 2000
    assert "\n".join(page.text for page in pages) == text


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_ends_in_a_known_way(name: str, tmp_path: Path) -> None:
    make, right = HOSTILE[name]

    try:
        _, pages = read(make(), tmp_path, name=name)
    except DocumentError as error:
        outcome = error.code
        assert CATALOGUE[outcome].stage == "extract"
    else:
        outcome = READ
        assert all(isinstance(page.text, str) for page in pages)

    assert outcome in right


def test_text_has_only_line_feeds_and_tabs_as_control_characters(tmp_path: Path) -> None:
    noise = "".join(map(chr, range(1, 32))) + "\x7f\x85\xad\ufeff"

    _, (page,) = read(f"{'word ' * 200}{noise}b\r\nc\rd\te".encode(), tmp_path)

    assert [char for char in page.text if ord(char) < 32 and char not in "\n\t"] == []
    assert page.text.endswith("b\nc\nd\te")


def test_the_deadline_ends_reading(tmp_path: Path) -> None:
    begun = time.monotonic()

    with pytest.raises(DocumentError) as caught:
        read(HOSTILE["deep.html"][0](), tmp_path, name="a.html", limits=ExtractionLimits(), wall_seconds=1)

    assert caught.value.code == "too_complex"
    assert time.monotonic() - begun < 20


_LONG = {
    "a.pdf": files.pdf([f"{_TEXT} {number}" for number in range(230)]),
    "broken.pdf": files.pdf([f"{_TEXT} {number}" for number in range(7)]).replace(b"startxref", b"stortxref"),
    "a.pptx": files.pptx([[f"{_TEXT} {number}"] for number in range(7)]),
    "a.xlsx": files.xlsx({f"Levels {number}": [[_TEXT]] for number in range(7)}),
    "a.epub": files.epub("Book", [(f"Chapter {number}", [_TEXT]) for number in range(7)]),
    "a.txt": "\n".join(f"{_TEXT} {number}" for number in range(9_000)).encode(),
}


@pytest.mark.parametrize("name", _LONG)
def test_reading_that_begins_later_gives_the_pages_of_one_from_the_start(name: str, tmp_path: Path) -> None:
    limits = ExtractionLimits(page_characters=40_000)
    media_type, every = read(_LONG[name], tmp_path, name=name, limits=limits)
    assert len(every) >= 7

    for pages in (1, 5, len(every) - 1, len(every)):
        begin = Beginning(pages, sum(len(page.text) + 1 for page in every[:pages]))
        assert read(_LONG[name], tmp_path, name=name, limits=limits, begin=begin) == (media_type, every[pages:])


@pytest.mark.parametrize("name", ["a.pdf", "a.txt"])
def test_limits_count_what_was_read_before(name: str, tmp_path: Path) -> None:
    limits = ExtractionLimits(page_characters=40_000, characters=300_000)
    begin = Beginning(1, 299_990)

    assert refusal(_LONG[name], tmp_path, name=name, limits=limits, begin=begin) == "too_large"


def test_a_page_of_a_pdf_is_never_two(tmp_path: Path) -> None:
    assert refusal(_LONG["a.pdf"], tmp_path, limits=ExtractionLimits(page_characters=20)) == "too_large"


def _children() -> set[str]:
    return set(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split())


def test_leaving_the_context_early_ends_the_process(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(files.pdf(["A page of text. " * 20] * 300))
    before = _children()

    with SandboxedExtractor().extract(path, declared_media_type=None, name=None, wall_seconds=60) as extraction:
        assert next(extraction.pages).number == 1
        assert _children() - before

    assert not _children() - before


_SPY = """
import json, os, resource, sys
from forebay.adapters.parsers.outcome import PageText
def pages(path, limits):
    out = os.open({target!r}, os.O_WRONLY | os.O_CREAT)
    try:
        wrote = os.write(out, b"x") > 0
    except OSError:
        wrote = False
    os.close(out)
    seen = dict(env=sorted(os.environ), wrote=wrote, cwd=os.getcwd(), files=sorted(os.listdir("/proc/self/fd")))
    seen["core"] = resource.getrlimit(resource.RLIMIT_CORE)[0]
    yield PageText(json.dumps(seen))
"""


def _read_by(parser: str, folder: Path, *, limits: ExtractionLimits = _SMALL, wall_seconds: float = 60) -> str:
    """What a reading process whose parser of plain text is `parser` makes of a file."""
    package = folder / "forebay" / "adapters" / "parsers"
    own = Path(sys.modules["forebay.adapters.parsers"].__path__[0])
    package.mkdir(parents=True)
    for module in ("outcome", "sniff", "cleaning", "frames", "reading"):
        (package / f"{module}.py").write_text((own / f"{module}.py").read_text())
    (folder / "forebay" / "domain").mkdir()
    types = Path("forebay/domain/file_types.py")
    (folder / types).write_text((own.parents[2] / types).read_text())
    (package / "plain.py").write_text(parser)
    content = folder / "content"
    content.write_text("anything")
    extractor = SandboxedExtractor(limits, library_paths=[folder])
    with extractor.extract(content, declared_media_type=None, name="a.txt", wall_seconds=wall_seconds) as extraction:
        return "".join(page.text for page in extraction.pages)


def test_the_reading_process_has_no_environment_writes_no_file_and_holds_no_other_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")

    seen = _read_by(_SPY.format(target=str(tmp_path / "written")), tmp_path)

    assert "canary" not in seen
    assert "AWS" not in seen
    assert '"wrote": false' in seen
    assert '"core": 0' in seen
    assert '"files": ["0", "1", "2", "3", "4"]' in seen  # lifeline, nowhere twice, frames, /proc


def _parser(body: str) -> str:
    lines = body.replace("\n", "\n    ")
    return f"import os, signal, time\ndef pages(path, limits):\n    {lines}\n    yield None\n"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("while True: pass", "too_complex", "processor time"),
        ("time.sleep(60)", "too_complex", "too long"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "too_complex", "crash"),
        ("os.abort()", "too_complex", "memory"),
        ("grown = [bytes(1 << 20) for _ in range(10_000)]", "too_complex", "memory"),
        ("held = [os.open(path, os.O_RDONLY) for _ in range(100)]", "corrupt", "OSError"),
    ],
)
def test_a_reader_gone_wrong_ends_within_its_limits_and_harms_no_other(
    body: str, code: str, said: str, tmp_path: Path
) -> None:
    limits = ExtractionLimits(cpu_seconds=1, memory_bytes=200 << 20)
    before = _children()

    with pytest.raises(DocumentError, match=said) as caught:
        _read_by(_parser(body), tmp_path, limits=limits, wall_seconds=2)

    assert caught.value.code == code
    assert not _children() - before
    assert read(b"The next document.", tmp_path)[1] == [Page(1, "The next document.")]


_PARENT = """
import os, sys
from pathlib import Path
from forebay.adapters.sandboxed_extractor import SandboxedExtractor
path = Path(sys.argv[1])
with SandboxedExtractor().extract(path, declared_media_type=None, name="a.html", wall_seconds=60) as extraction:
    print(Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()[0], flush=True)
    list(extraction.pages)
"""


def test_the_reading_process_dies_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "deep.html"
    path.write_bytes(HOSTILE["deep.html"][0]())
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    deadline = time.monotonic() + 10
    while _runs(child) and time.monotonic() < deadline:
        os.sched_yield()
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_parser_that_cannot_be_imported_is_our_fault_not_the_documents(tmp_path: Path) -> None:
    path = tmp_path / "content"
    path.write_bytes(files.pdf([_TEXT]))
    own = Path(sys.modules["forebay"].__path__[0]).parent

    broken = SandboxedExtractor(library_paths=[own])
    with (
        pytest.raises(RuntimeError, match="pypdfium2"),
        broken.extract(path, declared_media_type=None, name=None, wall_seconds=60),
    ):
        pass
