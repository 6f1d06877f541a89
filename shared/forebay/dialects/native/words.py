"""The native API's paths, patterns and bounds: the words that requests, responses and endpoints share."""

from typing import Final

BASE: Final = "/forebay/v1"

# Printable: no control characters, no line separators. Joiners stay, emoji are made with them.
PRINTABLE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"
COLLECTION: Final = r"^[a-z0-9][a-z0-9._-]{0,127}$"
# Bucket names: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
S3_URI: Final = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^\x00-\x1f\x7f]+$"
MEDIA_TYPE: Final = r"^[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+( ?; ?[^\x00-\x1f\x7f]*)?$"

METADATA_KEYS_MOST: Final = 64
NAME_LENGTH_MOST: Final = 255
CALLER_BYTES_MOST: Final = 16_384  # properties and callbacks together; also each document's metadata
CALLBACKS_MOST: Final = 10
FILTERS_MOST: Final = 64
FILTER_VALUES_MOST: Final = 100
LIST_DEFAULT: Final = 50
LIST_MOST: Final = 100


def job_path(job_id: str) -> str:
    """Where a job is read."""
    return f"{BASE}/jobs/{job_id}"
