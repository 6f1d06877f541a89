"""Does a document's metadata meet conditions? For answers that are made from records, where no index is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from forebay.domain.document import Metadata


@dataclass(frozen=True, slots=True)
class Condition:
    """One member of the metadata, compared with a value; `operator` is a key of OPERATORS."""

    key: str
    operator: str
    value: JsonValue


def meets(metadata: Metadata, conditions: Sequence[Condition]) -> bool:
    """Do all of the conditions hold? A member that is missing differs from everything and is in nothing."""
    return all(OPERATORS[each.operator](metadata.get(each.key), each.value) for each in conditions)


def _several(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [value]


def _same(found: JsonValue, wanted: JsonValue) -> bool:
    """Equal as JSON: `true` is not 1."""
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)


def _within(found: JsonValue, wanted: JsonValue) -> bool:
    return any(_same(found, each) for each in _several(wanted))


def _ordered(compare: Callable[[float], bool]) -> Callable[[JsonValue, JsonValue], bool]:
    """Compares numbers with numbers and texts with texts; of anything else, nothing is above or below anything."""

    def holds(found: JsonValue, wanted: JsonValue) -> bool:
        if isinstance(found, bool) or isinstance(wanted, bool):
            return False
        if isinstance(found, int | float) and isinstance(wanted, int | float):
            return compare((found > wanted) - (found < wanted))
        if isinstance(found, str) and isinstance(wanted, str):
            return compare((found > wanted) - (found < wanted))
        return False

    return holds


def _contains(found: JsonValue, wanted: JsonValue) -> bool:
    return _within(wanted, found) if isinstance(found, list) else isinstance(found, str) and str(wanted) in found


OPERATORS: Final[Mapping[str, Callable[[JsonValue, JsonValue], bool]]] = {
    "==": _same,
    "!=": lambda found, wanted: not _same(found, wanted),
    ">": _ordered(lambda sign: sign > 0),
    "<": _ordered(lambda sign: sign < 0),
    ">=": _ordered(lambda sign: sign >= 0),
    "<=": _ordered(lambda sign: sign <= 0),
    "in": _within,
    "nin": lambda found, wanted: not _within(found, wanted),
    "any": lambda found, wanted: any(_within(each, wanted) for each in _several(found)),
    "all": lambda found, wanted: all(_within(each, found) for each in _several(wanted)),
    "contains": _contains,
    "text_match": lambda found, wanted: isinstance(found, str) and str(wanted) in found,
    "text_match_insensitive": lambda found, wanted: (
        isinstance(found, str) and str(wanted).casefold() in found.casefold()
    ),
    "is_empty": lambda found, _: found in (None, "", []),
}
