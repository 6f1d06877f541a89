"""What every `Webhooks` must do. A subclass gives the `subject`: webhooks, and receivers that answer at will."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from forebay.domain.delivery import Reply
from forebay.domain.ports import Webhooks

HEADERS: Mapping[str, str] = {"content-type": "application/cloudevents+json", "webhook-id": "evt_1"}
BODY = '{"id":"evt_1","note":"ü ☃"}'.encode()


@dataclass(frozen=True)
class Taken:
    """One request as a receiver saw it, its headers by lower case."""

    headers: Mapping[str, str]
    body: bytes


class Answers(Protocol):
    """Makes a receiver answer so at a path; gives the URL."""

    def __call__(self, path: str, status: int, headers: Mapping[str, str]) -> str: ...


@dataclass(frozen=True)
class Subject:
    """Webhooks and their receivers; `nowhere` is a URL where nobody listens."""

    webhooks: Webhooks
    answers: Answers
    taken: Callable[[str], Sequence[Taken]]  # at this path
    nowhere: str


class WebhooksSuite:
    """The contract; every promise of the port's docstring that does not need a receiver's misbehaviour."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    @staticmethod
    def replied(subject: Subject, status: int, headers: Mapping[str, str] | None = None) -> Reply:
        return subject.webhooks.post(subject.answers("/a", status, headers or {}), HEADERS, BODY)

    def test_the_receiver_gets_headers_and_body_as_they_were_given(self, subject: Subject) -> None:
        url = subject.answers("/a?b=c", 200, {})

        reply = subject.webhooks.post(url, HEADERS, BODY)

        assert reply == Reply(200)
        (taken,) = subject.taken("/a?b=c")
        assert taken.body == BODY
        assert {name: taken.headers[name] for name in HEADERS} == HEADERS

    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    def test_any_2xx_means_that_it_was_taken(self, subject: Subject, status: int) -> None:
        assert self.replied(subject, status) == Reply(status)

    @pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
    def test_any_other_status_is_told(self, subject: Subject, status: int) -> None:
        assert self.replied(subject, status) == Reply(status, "webhook_status")

    @pytest.mark.parametrize("status", [301, 302, 304, 307, 308])
    def test_a_redirect_is_a_failure_and_is_not_followed(self, subject: Subject, status: int) -> None:
        end = subject.answers("/end", 200, {})

        assert self.replied(subject, status, {"Location": end}) == Reply(status, "webhook_redirect")
        assert list(subject.taken("/end")) == []

    @pytest.mark.parametrize("status", [429, 503, 302])
    def test_a_receiver_can_ask_to_be_left_alone(self, subject: Subject, status: int) -> None:
        assert self.replied(subject, status, {"Retry-After": "120"}).retry_after == 120

    @pytest.mark.parametrize(
        "url", ["file:///etc/passwd", "https://u:p@example.org/", "https://0x7f000001/", "nothing"]
    )
    def test_nothing_is_sent_to_a_forbidden_url(self, subject: Subject, url: str) -> None:
        assert subject.webhooks.post(url, HEADERS, BODY) == Reply(error="webhook_forbidden")

    def test_where_nobody_listens_is_unreachable(self, subject: Subject) -> None:
        assert subject.webhooks.post(subject.nowhere, HEADERS, BODY) == Reply(error="webhook_unreachable")

    def test_each_post_is_a_request_of_its_own(self, subject: Subject) -> None:
        url = subject.answers("/a", 200, {})

        for _ in range(3):
            subject.webhooks.post(url, HEADERS, BODY)

        assert [taken.body for taken in subject.taken("/a")] == [BODY] * 3
