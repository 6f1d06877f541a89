"""How the reading process tells its parent what it found.

A frame is one byte for the kind, two big-endian uint32 (a number, the body's length) and the body in UTF-8.
"""

from __future__ import annotations

import os

# The media type first; then pages, numbered from 1; then the end. Or, at any point, why there will be no more:
# REFUSED ("code\nmessage") is the file's fault, BROKEN is ours.
TYPE, PAGE, OCR_PAGE, DONE, REFUSED, BROKEN = b"TPODRB"
HEADER_BYTES = 9


class Frames:
    """Writes frames to what was standard output; whatever else prints goes nowhere."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        os.close(nowhere)

    def send(self, kind: int, number: int = 0, body: str = "") -> None:
        """Write one frame; waits while the parent does not read."""
        data = body.encode("utf-8", "replace")
        left = memoryview(bytes([kind]) + number.to_bytes(4, "big") + len(data).to_bytes(4, "big") + data)
        while left:
            left = left[os.write(self._out, left) :]
