"""The native API's paths, patterns and bounds: the words that requests, responses and endpoints share."""

from typing import Final

BASE: Final = "/forebay/v1"

COLLECTION: Final = r"^[a-z0-9][a-z0-9._-]{0,127}$"

CALLBACKS_MOST: Final = 10
FILTERS_MOST: Final = 64
FILTER_VALUES_MOST: Final = 100
LIST_DEFAULT: Final = 50
LIST_MOST: Final = 100


def job_path(job_id: str) -> str:
    """Where a job is read."""
    return f"{BASE}/jobs/{job_id}"
