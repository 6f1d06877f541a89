import pytest

from forebay.domain.errors import (
    CATALOGUE,
    CallerError,
    DocumentError,
    ErrorKind,
    ForebayError,
    Superseded,
    TransientError,
)

STAGES = {"request", "fetch", "store", "upload", "extract", "embed", "index", "engine", "deliver"}


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=lambda kind: kind.code)
def test_every_code_says_what_happened_and_what_to_do(kind: ErrorKind) -> None:
    assert CATALOGUE[kind.code] is kind
    assert kind.code.replace("_", "").islower()
    assert kind.stage in STAGES
    assert kind.title.endswith(".")
    assert kind.hint.endswith((".", "`"))
    assert kind.status == 0 or 400 <= kind.status < 600


def test_only_what_has_a_status_answers_requests() -> None:
    answered = {kind.code for kind in CATALOGUE.values() if kind.stage == "request"}

    assert all(CATALOGUE[code].status for code in answered)


def test_an_error_without_a_message_says_its_title() -> None:
    assert DocumentError("corrupt").message == str(DocumentError("corrupt")) == CATALOGUE["corrupt"].title
    assert DocumentError("corrupt", "page 3").message == "page 3"


def test_a_code_that_is_not_in_the_catalogue_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        DocumentError("unheard_of")


def test_the_four_kinds_are_apart() -> None:
    kinds = (CallerError("not_found"), DocumentError("corrupt"), TransientError("down"), Superseded())

    assert [error.code for error in kinds] == ["not_found", "corrupt", "unavailable", "superseded"]
    assert all(isinstance(error, ForebayError) for error in kinds)
    assert not any(isinstance(error, type(other)) for error in kinds for other in kinds if error is not other)
