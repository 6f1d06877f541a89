"""Where a list goes on: opaque text made of a shard and the last sort key, never of a whole key, so that a forged one
cannot leave the caller's own partitions."""

import base64
import binascii
import json

from forebay.domain.errors import CallerError, Problem


def write_cursor(shard: int, after: str) -> str:
    """The text for the caller: go on in this shard, after this sort key ("" = from its start)."""
    return base64.urlsafe_b64encode(json.dumps([shard, after]).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, shards: int, prefix: str = "") -> tuple[int, str]:
    """The shard and sort key in the caller's text; the beginning for None.

    Raises CallerError invalid_request for anything that a list of such shards and sort keys never gave out.
    """
    if cursor is None:
        return 0, ""
    try:
        shard, after = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, TypeError) as error:
        raise _bad() from error
    if (
        type(shard) is not int or not isinstance(after, str) or not 0 <= shard < shards or len(after) > 1_000
    ):  # sort keys are shorter
        raise _bad()
    if after and not after.startswith(prefix):
        raise _bad()
    return shard, after


def _bad() -> CallerError:
    problem = Problem(("query", "cursor"), "is not a cursor that this list gave out", "invalid_cursor")
    return CallerError("invalid_request", "The cursor is not valid; begin without one.", problems=(problem,))
