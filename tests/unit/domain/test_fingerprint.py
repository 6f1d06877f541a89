import pytest

from forebay.domain.fingerprint import fingerprint, inputs_fingerprint
from forebay.domain.stored_document import Options

USUAL = (Options(), "guide.pdf", "application/pdf", '{"year":1999}')


def test_the_same_inputs_have_the_same_fingerprint() -> None:
    assert fingerprint(*USUAL, model="m") == fingerprint(*USUAL, model="m")
    assert fingerprint(*USUAL, model="m").startswith(inputs_fingerprint(*USUAL))


@pytest.mark.parametrize(
    "other",
    [
        (Options(chunk_tokens=100), *USUAL[1:]),
        (Options(overlap_tokens=0), *USUAL[1:]),
        (USUAL[0], "other.pdf", *USUAL[2:]),
        (*USUAL[:2], "text/plain", USUAL[3]),
        (*USUAL[:3], "{}"),
        (USUAL[0], "guide.pdfapplication/pdf", "", USUAL[3]),
    ],
    ids=["chunks", "overlap", "name", "type", "metadata", "shifted"],
)
def test_whatever_decides_the_chunks_changes_it(other: tuple[Options, str, str, str]) -> None:
    assert inputs_fingerprint(*other) != inputs_fingerprint(*USUAL)


def test_another_model_changes_it_but_not_the_callers_part() -> None:
    assert fingerprint(*USUAL, model="m") != fingerprint(*USUAL, model="n")


def test_asking_to_read_again_is_no_part_of_it() -> None:
    assert inputs_fingerprint(Options(reprocess=True), *USUAL[1:]) == inputs_fingerprint(*USUAL)
