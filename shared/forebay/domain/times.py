"""Instants as the records and answers write them: RFC 3339 UTC with milliseconds, sortable as text."""

from datetime import UTC, datetime


def stamp(instant: datetime) -> str:
    """`instant` (aware) as text that sorts by time."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(stamped: str) -> datetime:
    """The aware UTC datetime that `stamp` wrote."""
    return datetime.fromisoformat(stamped.replace("Z", "+00:00"))


def ordered_id(prefix: str, made: datetime, unique: str) -> str:
    """An id of lower-case letters and digits that sorts by when it was made; `unique` are digits of chance."""
    return f"{prefix}{int(made.timestamp() * 1_000):011x}{unique[-16:]}"
