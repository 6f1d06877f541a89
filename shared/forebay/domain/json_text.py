"""JSON text whose every value all parts of the system can hold."""

import json
import math
import re
from typing import Final

DEPTH_MOST: Final = 64
_DIGITS_MOST: Final = 40
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


class Unfit(ValueError):
    """JSON to some parsers, or too much for others: NaN and infinities, huge numbers, deep nesting, lone surrogates."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.message = message
        self.kind = kind


def read_json(text: str) -> object:
    """The value of the text. Raises json.JSONDecodeError where it is no JSON, Unfit."""
    try:
        parsed: object = json.loads(text, parse_constant=_constant, parse_int=_int, parse_float=_float)
    except RecursionError as error:
        raise Unfit("nested too deeply", "too_deep") from error
    _check_depth(parsed)
    if _SURROGATE.search(text):
        _check_surrogates(parsed)
    return parsed


def write_json(value: object) -> str:
    """The value as JSON text without spaces, every character as it is."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def json_bytes(value: object) -> int:
    """The size of the value as such text, in UTF-8."""
    return len(write_json(value).encode())


def _constant(name: str) -> float:
    raise Unfit(f"{name} is not a JSON number", "finite_number")


def _int(digits: str) -> int:
    if len(digits) > _DIGITS_MOST:
        raise Unfit(f"a number has more than {_DIGITS_MOST} digits", "number_too_large")
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unfit("a number is too large", "number_too_large")
    return value


def _check_depth(parsed: object) -> None:
    level = [parsed]
    for _ in range(DEPTH_MOST + 1):
        level = [member for value in level for member in _children(value)]
        if not level:
            return
    raise Unfit(f"nested more than {DEPTH_MOST} levels deep", "too_deep")


def _children(value: object) -> list[object]:
    if isinstance(value, dict):
        return [member for member in value.values() if isinstance(member, dict | list)]
    return [member for member in value if isinstance(member, dict | list)] if isinstance(value, list) else []


def _check_surrogates(parsed: object) -> None:
    try:
        json.dumps(parsed, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Unfit("a string holds half of a surrogate pair", "string_unicode") from error
