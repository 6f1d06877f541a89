"""A test that lacks its program says so in one line, and is only left out where that is allowed."""

from pathlib import Path

import pytest

from tests.programs import install, program

ABSENT = "no-such-program"


def test_an_installed_program_is_used() -> None:
    assert Path(program("sh")).name == "sh"


def test_a_missing_program_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOREBAY_REQUIRE_ALL", raising=False)

    with pytest.raises(pytest.skip.Exception) as left_out:
        program(ABSENT)

    assert str(left_out.value).startswith(f"not run: what needs {ABSENT}, because it is not installed")
    assert "\n" not in str(left_out.value)


def test_a_missing_program_is_a_failure_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBAY_REQUIRE_ALL", "1")

    with pytest.raises(pytest.fail.Exception, match="not run: what needs"):
        program(ABSENT)


def test_what_is_there_is_not_installed_again() -> None:
    assert install({"sh": "no-such-package"}) == ""


def test_where_nothing_can_be_installed_the_reason_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert install({ABSENT: "a-package"}) == "not installed: a-package, because this is not Debian"
