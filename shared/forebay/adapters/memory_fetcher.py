"""The fetcher without a network: a fake that passes the port's conformance suite; for tests and trying things."""

from dataclasses import dataclass, field
from pathlib import Path

from forebay.adapters.memory import OnCall, quietly
from forebay.domain.errors import DocumentError
from forebay.domain.fetched import Fetched
from forebay.domain.web_address import Reach, refused_url


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server behind a URL answers."""

    content: bytes = b""
    status: int = 200
    media_type: str = ""
    name: str = ""
    location: str = ""  # of a redirect


@dataclass
class MemoryFetcher:
    """URLs and their answers in a dict, which tests may change; a URL that is not in it cannot be reached."""

    on_call: OnCall = quietly
    reach: Reach = Reach.PUBLIC
    answers: dict[str, Answer] = field(default_factory=dict)

    def fetch(self, url: str, to: Path, *, most_bytes: int, wall_seconds: float) -> Fetched:
        """See Fetcher."""
        self.on_call("before", "fetcher.fetch")
        answer = self._answer(url)
        if answer.status >= 400:
            raise DocumentError("url_unreachable" if answer.status >= 500 else "url_status", f"{answer.status}")
        if len(answer.content) > most_bytes:
            raise DocumentError("too_large", f"the file is larger than {most_bytes} bytes")
        to.write_bytes(answer.content)
        self.on_call("after", "fetcher.fetch")
        return Fetched(answer.media_type, answer.name)

    def _answer(self, url: str) -> Answer:
        for _ in range(6):
            reason = refused_url(url, self.reach)
            if reason is not None:
                raise DocumentError("url_forbidden", reason)
            if url not in self.answers:
                raise DocumentError("url_unreachable", "nobody answers")
            answer = self.answers[url]
            if not answer.location:
                return answer
            url = answer.location
        raise DocumentError("url_redirects")
