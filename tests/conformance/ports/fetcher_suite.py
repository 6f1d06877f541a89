"""What every `Fetcher` must do. A subclass gives the `subject`: a fetcher, and a web whose answers a test decides."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from forebay.adapters.memory_fetcher import Answer
from forebay.domain.errors import DocumentError
from forebay.domain.fetched import Fetched
from forebay.domain.ports import Fetcher


class PutsOnTheWeb(Protocol):
    """Makes a server answer so at a path; gives the URL."""

    def __call__(self, path: str, answer: Answer) -> str: ...


@dataclass(frozen=True)
class Subject:
    """A fetcher and the web that it sees; `nowhere` is a URL where nobody listens."""

    fetcher: Fetcher
    web: PutsOnTheWeb
    url: Callable[[str], str]
    nowhere: str


class FetcherSuite:
    """The contract; every promise of the port's docstring that does not need a network's misbehaviour."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    @staticmethod
    def fetch(subject: Subject, url: str, to: Path, most_bytes: int = 1_000) -> Fetched:
        return subject.fetcher.fetch(url, to, most_bytes=most_bytes, wall_seconds=20)

    def code(self, subject: Subject, url: str, to: Path, most_bytes: int = 1_000) -> str:
        with pytest.raises(DocumentError) as raised:
            self.fetch(subject, url, to, most_bytes)
        return raised.value.code

    def test_the_content_comes_with_what_the_server_says_of_it(self, subject: Subject, tmp_path: Path) -> None:
        url = subject.web("/a?b=c", Answer(b"\x00turbine" * 9, media_type="text/csv; charset=utf-8", name="list.csv"))

        said = self.fetch(subject, url, tmp_path / "file")

        assert said == Fetched("text/csv; charset=utf-8", "list.csv")
        assert (tmp_path / "file").read_bytes() == b"\x00turbine" * 9

    def test_a_server_may_say_nothing_and_send_nothing(self, subject: Subject, tmp_path: Path) -> None:
        assert self.fetch(subject, subject.web("/a", Answer()), tmp_path / "file") == Fetched()
        assert (tmp_path / "file").read_bytes() == b""

    def test_redirects_are_followed(self, subject: Subject, tmp_path: Path) -> None:
        end = subject.web("/end", Answer(b"turbine"))
        for hop in range(5):
            end = subject.web(f"/{hop}", Answer(status=302, location=end))

        self.fetch(subject, end, tmp_path / "file")

        assert (tmp_path / "file").read_bytes() == b"turbine"

    def test_redirects_that_do_not_end_are_given_up(self, subject: Subject, tmp_path: Path) -> None:
        url = subject.web("/a", Answer(status=302, location=subject.url("/a")))

        assert self.code(subject, url, tmp_path / "file") == "url_redirects"

    @pytest.mark.parametrize("to", ["ftp://example.org/", "http://user@example.org/", "http://0x7f000001/", "http://["])
    def test_a_redirect_to_a_forbidden_url_is_not_followed(self, subject: Subject, to: str, tmp_path: Path) -> None:
        url = subject.web("/a", Answer(status=302, location=to))

        assert self.code(subject, url, tmp_path / "file") == "url_forbidden"

    def test_a_forbidden_url_is_not_fetched(self, subject: Subject, tmp_path: Path) -> None:
        assert self.code(subject, "file:///etc/passwd", tmp_path / "file") == "url_forbidden"

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
    def test_a_refusal_of_the_server_is_told_with_its_number(
        self, subject: Subject, status: int, tmp_path: Path
    ) -> None:
        with pytest.raises(DocumentError, match=str(status)) as raised:
            self.fetch(subject, subject.web("/a", Answer(b"none", status=status)), tmp_path / "file")
        assert raised.value.code == "url_status"

    @pytest.mark.parametrize("status", [500, 502, 503])
    def test_a_server_that_is_unwell_can_be_asked_again(self, subject: Subject, status: int, tmp_path: Path) -> None:
        assert self.code(subject, subject.web("/a", Answer(status=status)), tmp_path / "file") == "url_unreachable"

    def test_where_nobody_listens_is_unreachable(self, subject: Subject, tmp_path: Path) -> None:
        assert self.code(subject, subject.nowhere, tmp_path / "file") == "url_unreachable"

    def test_what_is_larger_than_allowed_is_refused(self, subject: Subject, tmp_path: Path) -> None:
        url = subject.web("/a", Answer(b"x" * 1_001))

        assert self.code(subject, url, tmp_path / "file") == "too_large"

    def test_what_is_as_large_as_allowed_is_taken(self, subject: Subject, tmp_path: Path) -> None:
        url = subject.web("/a", Answer(b"x" * 1_000))

        self.fetch(subject, url, tmp_path / "file")

        assert (tmp_path / "file").stat().st_size == 1_000
