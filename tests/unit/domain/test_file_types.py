import pytest

from forebay.adapters.parsers import reading
from forebay.domain.file_types import CLAIMED, PROVEN, READABLE, extension


@pytest.mark.parametrize(
    ("name", "end"),
    [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), (".pdf", ""), ("a.", ""), ("", ""), ("ä.Md", "md")],
)
def test_the_extension_is_what_follows_the_last_dot(name: str, end: str) -> None:
    assert extension(name) == end


def test_every_readable_type_has_a_parser_and_every_parser_a_type() -> None:
    assert set(READABLE.values()) == set(reading._PARSERS)


def test_no_extension_is_both_proven_and_claimed() -> None:
    assert not set(PROVEN) & set(CLAIMED)
