"""A test that lacks its program says so in one line, and is only left out where that is allowed."""

import sys
from pathlib import Path

import pytest

from tests.programs import program

ABSENT = "no-such-program"


def because_of(package: str) -> str:
    return f"{package} cannot be had"


def test_an_installed_program_is_used() -> None:
    name = Path(sys.executable).name

    assert Path(program(name, "none", because_of)).name == name


def test_a_missing_program_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FOREBAY_REQUIRE_ALL", raising=False)

    with pytest.raises(pytest.skip.Exception) as left_out:
        program(ABSENT, "a-package", because_of)

    assert str(left_out.value) == f"not run: what needs {ABSENT}, because a-package cannot be had"


def test_a_missing_program_is_a_failure_where_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOREBAY_REQUIRE_ALL", "1")

    with pytest.raises(pytest.fail.Exception, match="not run: what needs"):
        program(ABSENT, "a-package", lambda _: "")
