import pytest

from forebay.domain.errors import DocumentError
from forebay.domain.fetched import Fetched, fetched_metadata, fetched_of, refusal_metadata


def test_what_a_server_said_comes_back() -> None:
    said = Fetched("text/plain; charset=utf-8", "Bericht für März.txt")

    assert fetched_of(fetched_metadata(said)) == said


def test_a_refusal_comes_back_as_the_error_that_it_was() -> None:
    with pytest.raises(DocumentError, match="answered 404") as raised:
        fetched_of(refusal_metadata(DocumentError("url_status", "example.org answered 404")))

    assert raised.value.code == "url_status"


@pytest.mark.parametrize(
    "metadata",
    [
        fetched_metadata(Fetched("𝄞" * 500, "𝄞" * 500)),
        refusal_metadata(DocumentError("url_status", "𝄞" * 500)),
    ],
)
def test_it_fits_into_the_metadata_of_an_object(metadata: dict[str, str]) -> None:
    assert all(value.isascii() for value in metadata.values())
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= 2_048
