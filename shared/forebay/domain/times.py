"""Instants as the records and answers write them: RFC 3339 UTC with milliseconds, sortable as text."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

# How people write times besides ISO 8601; without a zone it is UTC that is meant.
_WRITTEN: Final = tuple(
    f"{day}{time}"
    for day in ("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y", "%d %b %Y", "%d %B %Y", "%Y/%m/%d", "%m/%d/%Y")
    for time in ("", " %H:%M", " %H:%M:%S")
)


def stamp(instant: datetime) -> str:
    """`instant` (aware) as text that sorts by time."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(stamped: str) -> datetime:
    """The aware UTC datetime that `stamp` wrote."""
    return datetime.fromisoformat(stamped.replace("Z", "+00:00"))


def ordered_id(prefix: str, made: datetime, unique: str) -> str:
    """An id of lower-case letters and digits that sorts by when it was made; `unique` are digits of chance."""
    return f"{prefix}{int(made.timestamp() * 1_000):011x}{unique[-16:]}"


def written_time(given: str) -> str:
    """A time as people write it, as RFC 3339 UTC in whole seconds. Raises ValueError."""
    text = given.strip().strip("\"'")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _parsed(text)
    aware = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except OverflowError as error:
        raise ValueError("the time is out of range") from error


def _parsed(text: str) -> datetime:
    for form in _WRITTEN:
        with suppress(ValueError):
            return datetime.strptime(text, form).replace(tzinfo=UTC)
    raise ValueError("not a time in any known form")
