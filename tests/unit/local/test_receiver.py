"""The demo's receiver believes what is signed, and nothing else."""

import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
import requests
from standardwebhooks import Webhook

from local.receiver import Receiver, Taken, is_signed

SECRET = "whsec_" + b64encode(b"one secret of some twenty-four bytes").decode()
OTHER = "whsec_" + b64encode(b"another secret of as many bytes or so").decode()
BODY = '{"type": "forebay.job.succeeded", "note": "ü"}'


def headers(secret: str = SECRET, at: datetime | None = None, body: str = BODY) -> dict[str, str]:
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign("evt_1", at, body)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": f"v1,bm9ib2R5 {signature}",
    }


def test_what_the_reference_library_signs_is_signed() -> None:
    assert is_signed(Taken(headers(), BODY.encode(), time.time()), SECRET)


@pytest.mark.parametrize(
    "given",
    [
        {},
        headers(OTHER),
        headers(body="{}"),
        headers(at=datetime.now(UTC) - timedelta(hours=1)),
        headers(at=datetime.now(UTC) + timedelta(hours=1)),
        headers() | {"webhook-id": "evt_2"},
        headers() | {"webhook-timestamp": "soon"},
        headers() | {"webhook-signature": ""},
    ],
)
def test_what_others_send_is_not(given: dict[str, str]) -> None:
    assert not is_signed(Taken(given, BODY.encode(), time.time()), SECRET)


def test_a_signed_event_is_given_back_once_and_others_are_passed_over() -> None:
    with Receiver() as receiver:
        requests.post(receiver.url, data=b"{}", timeout=5)
        taken = requests.post(receiver.url, data=BODY.encode(), headers=headers(), timeout=5)

        assert taken.status_code == 204
        assert receiver.verified(SECRET, within_seconds=5) == {"type": "forebay.job.succeeded", "note": "ü"}
        assert receiver.verified(SECRET, within_seconds=0) is None


def test_what_is_refused_is_not_kept_until_it_comes_again() -> None:
    refused: list[str] = []

    def at_first(id_: str) -> bool:
        refused.append(id_)
        return len(refused) == 1

    with Receiver(refuses=at_first) as receiver:
        answers = [
            requests.post(receiver.url, data=BODY.encode(), headers=headers(), timeout=5).status_code for _ in range(2)
        ]

        assert (answers, refused) == ([500, 204], ["evt_1", "evt_1"])
        assert receiver.verified(SECRET, within_seconds=5) is not None
        assert receiver.verified(SECRET, within_seconds=0) is None


def test_what_is_signed_otherwise_is_warned_of() -> None:
    warned: list[str] = []

    with Receiver(warn=warned.append) as receiver:
        requests.post(receiver.url, data=BODY.encode(), headers=headers(OTHER), timeout=5)
        receiver.verified(SECRET, within_seconds=0)

    assert len(warned) == 1
