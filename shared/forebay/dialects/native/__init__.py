"""Forebay's own HTTP API: `words` (tables), `requests`, `responses`, `errors`, and the endpoints by resource."""

from typing import Final

from forebay.dialects.native.dialect import NativeDialect

NATIVE: Final = NativeDialect()
