"""Makes any text printable: `\\n` line ends, no other control characters than tab, nothing that is not a character."""

from __future__ import annotations

import re

# C0 without tab and line feed, DEL, C1, soft hyphen, zero-width no-break space (BOM), lone surrogates, noncharacters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\ufeff\ud800-\udfff\ufffe\uffff]")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028]")


def clean(text: str) -> str:
    """`text` with `\\n` line ends and without characters that nobody can see or encode."""
    return _UNPRINTABLE.sub("", _LINE_ENDS.sub("\n", text).replace("\u2029", "\n\n"))


def collapse(text: str) -> str:
    """One line: runs of white space become one space."""
    return " ".join(text.split())
