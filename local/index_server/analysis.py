"""Words of a text, close to OpenSearch's standard analyzer (Unicode text segmentation, lower case, no stop words)."""

import re
from typing import Final

_HAN = "\u3040-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # and hiragana: a word each
_MARKS = "\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0966-\u0dff"  # combining marks, Indic scripts
_PART = rf"(?:(?![{_HAN}])[\w{_MARKS}])+"
_WITHIN = r"(?:(?<=[^\W\d_])['.\u2019](?=[^\W\d_])|(?<=\d)[.,'](?=\d))"  # can't, example.com, 3.14
_WORD: Final = re.compile(rf"[{_HAN}]|{_PART}(?:{_WITHIN}{_PART})*")

LONGEST: Final = 255  # characters; longer words are cut into pieces of this size


def words(text: str) -> list[str]:
    """The words in order. None holds white space or ASCII punctuation but `_`, `'`, `.` and `,`."""
    found = _WORD.findall(text.lower())
    if all(len(word) <= LONGEST for word in found):
        return found
    return [word[start : start + LONGEST] for word in found for start in range(0, len(word), LONGEST)]
