from datetime import UTC, datetime, timedelta, timezone

import pytest

from forebay.domain.times import instant, stamp, written_time


def test_a_stamp_is_utc_and_reads_back() -> None:
    east = datetime(2026, 11, 22, 12, tzinfo=timezone(timedelta(hours=2)))

    assert stamp(east) == "2026-11-22T10:00:00.000Z"
    assert instant(stamp(east)) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2024-01-15", "2024-01-15T00:00:00Z"),
        ("2024-01-15T10:30:00", "2024-01-15T10:30:00Z"),
        ("2024-01-15T10:30:00.75+02:00", "2024-01-15T08:30:00Z"),
        ("2024-01-15 10:30Z", "2024-01-15T10:30:00Z"),
        ("Jan 15, 2024", "2024-01-15T00:00:00Z"),
        ("15 January 2024 10:30", "2024-01-15T10:30:00Z"),
        ("01/15/2024", "2024-01-15T00:00:00Z"),
        (" '2024-01-15' ", "2024-01-15T00:00:00Z"),
    ],
)
def test_a_written_time_becomes_utc(given: str, meant: str) -> None:
    assert written_time(given) == meant


@pytest.mark.parametrize("given", ["", "soon", "2024-13-01", "0001-01-01T00:00:00+05:00", "15", "\0"])
def test_what_is_no_time_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"time|out of range"):
        written_time(given)
