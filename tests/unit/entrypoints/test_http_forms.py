import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.domain.errors import CallerError
from forebay.entrypoints.http_forms import parse_form
from tests.http_client import BOUNDARY, Form

TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def parsed(*parts: dict[str, Any]) -> tuple[Any, list[tuple[str, str, str, bytes]]]:
    text, files = parse_form(Form(parts).encoded(), TYPE)
    return json.loads(text), [(file.field, file.name, file.media_type, file.content) for file in files]


def test_text_fields_are_text_and_file_fields_are_names() -> None:
    fields, files = parsed(
        {"name": "documents", "file": "a.txt", "content": "A", "type": "text/plain"},
        {"name": "documents", "file": "b.pdf", "content": "B", "type": "application/pdf"},
        {"name": "data", "json": {"blocking": True}},
    )

    assert fields == {"documents": ["a.txt", "b.pdf"], "data": '{"blocking": true}'}
    assert files == [("documents", "a.txt", "text/plain", b"A"), ("documents", "b.pdf", "application/pdf", b"B")]


def test_a_file_may_hold_any_bytes_and_the_boundary_too() -> None:
    content = bytes(range(256)) + f"--{BOUNDARY} no end\r\n".encode()

    _, files = parsed({"name": "documents", "file": "a.bin", "content": content})

    assert files[0][3] == content


@pytest.mark.parametrize("sent", ["/home/me/a.txt", r"C:\\Users\\me\\a.txt", "../../a.txt"])
def test_a_file_has_no_folders(sent: str) -> None:
    _, files = parsed({"name": "documents", "file": sent, "content": "A"})

    assert files[0][1] == "a.txt"


def test_a_file_may_have_a_name_of_any_script() -> None:
    _, files = parsed({"name": "documents", "file": "ünï 報告.txt", "content": "A"})

    assert files[0][1] == "ünï 報告.txt"


@pytest.mark.parametrize(
    "told",
    [
        "filename*=UTF-8''b%C3%BCro.txt",
        "filename=\"=?utf-8?B?YsO8cm8udHh0?=\"; filename*=utf-8''b%C3%BCro.txt",
        "filename*=iso-8859-1'de'b%FCro.txt; filename=\"b?ro.txt\"",
    ],
    ids=["alone", "as .NET sends it", "first"],
)
def test_a_files_name_may_say_its_charset(told: str) -> None:
    head = f'Content-Disposition: form-data; name="documents"; {told}\r\nContent-Type: text/plain'

    text, files = parse_form(f"--{BOUNDARY}\r\n{head}\r\n\r\nA\r\n--{BOUNDARY}--\r\n".encode(), TYPE)

    assert json.loads(text) == {"documents": ["büro.txt"]}
    assert [(file.name, file.media_type, file.content) for file in files] == [("büro.txt", "text/plain", b"A")]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", TYPE),
        (b"nonsense", TYPE),
        (f"--{BOUNDARY}\r\n".encode(), TYPE),
        (Form([{"name": "a", "text": "b"}]).encoded(), "multipart/form-data"),
        (Form([{"name": "a", "text": b"\xff\xfe"}]).encoded(), TYPE),
        (Form([{"name": f"a{n}", "text": "b"} for n in range(2_001)]).encoded(), TYPE),
    ],
    ids=["empty", "no form", "cut", "no boundary", "not UTF-8", "too many parts"],
)
def test_a_broken_form_is_refused(body: bytes, content_type: str) -> None:
    with pytest.raises(CallerError) as raised:
        parse_form(body, content_type)

    assert raised.value.code == "malformed_form"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from([b"--", BOUNDARY.encode(), b"\r\n", b'name="a"', b'filename="b"', b"\xff", b": x",
                                 b"Content-Disposition: form-data; "]), max_size=12))  # fmt: skip
def test_nothing_but_a_refusal_comes_of_any_bytes(pieces: list[bytes]) -> None:
    with suppress(CallerError):
        parse_form(b"".join(pieces), TYPE)
