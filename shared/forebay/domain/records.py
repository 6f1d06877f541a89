"""The record store's language: keys, conditions and writes as plain values.

The use cases say what must hold and what shall change; the adapter turns it into one conditional call. A condition
that does not hold is an answer (`Refused`), not an exception. Paths name an attribute, or a member of a map attribute
(`dead.<run>`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Value = str | int | bool | frozenset[str] | frozenset[int] | Mapping[str, "Value"]
Record = Mapping[str, Value]


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """A record's primary key."""

    pk: str
    sk: str


# -- conditions; a write happens only when all of its conditions hold ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no record at this key."""


@dataclass(frozen=True, slots=True)
class Is:
    """The attribute has exactly this value."""

    path: str
    value: str | int | bool


@dataclass(frozen=True, slots=True)
class IsOneOf:
    """The attribute has one of these values."""

    path: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """The attribute is there."""

    path: str


@dataclass(frozen=True, slots=True)
class Lacks:
    """The attribute is not there (a missing record lacks all)."""

    path: str


@dataclass(frozen=True, slots=True)
class Above:
    """The number is greater than `bound`."""

    path: str
    bound: int


@dataclass(frozen=True, slots=True)
class Below:
    """The number is less than `bound`."""

    path: str
    bound: int


Condition = Absent | Is | IsOneOf | Has | Lacks | Above | Below

# -- writes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Put:
    """Replace the whole record."""

    key: Key
    record: Record
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Update:
    """Change attributes; creates the record when it is missing and `when` allows it.

    `set` assigns, `default` assigns where missing, `add` adds to numbers (missing counts as 0) and unites sets,
    `remove` drops, `take` takes members out of sets (an empty one is dropped).
    """

    key: Key
    set: Mapping[str, Value] = field(default_factory=dict)
    default: Mapping[str, Value] = field(default_factory=dict)
    add: Mapping[str, int | frozenset[int]] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    take: Mapping[str, frozenset[int]] = field(default_factory=dict)
    when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record; a missing one does not matter unless `when` says so."""

    key: Key
    when: tuple[Condition, ...] = ()


Write = Put | Update | Delete


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition did not hold and nothing was written. `failed` are the positions of the writes whose own
    conditions failed (a single write is position 0)."""

    failed: tuple[int, ...]


# -- queries -----------------------------------------------------------------------------------------------------------


class Index(StrEnum):
    """What a query walks: the table, or one of its two sparse indexes (eventually consistent)."""

    TABLE = "table"  # partition pk, sorted by sk
    DUE = "due"  # partition due_pk, sorted by due_at; keys only
    JOBS = "jobs"  # partition jpk, sorted by jsk


Cursor = Mapping[str, str]  # where a page ended: the key attributes of its last record


@dataclass(frozen=True, slots=True)
class Query:
    """A walk over one partition. `prefix` and `up_to` (inclusive) bound the sort key; at most one of them."""

    partition: str
    index: Index = Index.TABLE
    prefix: str = ""
    up_to: str = ""
    newest_first: bool = False
    limit: int = 100
    after: Cursor | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """Some records in sort order, and where to go on (None at the end; a page may be short or empty before it)."""

    records: Sequence[Record]
    next: Cursor | None


# -- typed reading -----------------------------------------------------------------------------------------------------


def text(record: Record, name: str, default: str = "") -> str:
    """A text attribute, `default` when missing."""
    value = record.get(name, default)
    if not isinstance(value, str):
        raise TypeError(f"attribute {name} is {type(value).__name__}, not text")
    return value


def number(record: Record, name: str, default: int = 0) -> int:
    """A whole-number attribute, `default` when missing."""
    value = record.get(name, default)
    if not isinstance(value, int):
        raise TypeError(f"attribute {name} is {type(value).__name__}, not a number")
    return value


def numbers(record: Record, name: str) -> frozenset[int]:
    """A number-set attribute, empty when missing."""
    value = record.get(name, frozenset[int]())
    if not isinstance(value, frozenset):
        raise TypeError(f"attribute {name} is {type(value).__name__}, not a set")
    return frozenset(member for member in value if isinstance(member, int))


def members(record: Record, name: str) -> Mapping[str, Value]:
    """A map attribute, empty when missing."""
    value = record.get(name, {})
    if not isinstance(value, Mapping):
        raise TypeError(f"attribute {name} is {type(value).__name__}, not a map")
    return value


def key_of(record: Record) -> Key:
    """The key that a stored record carries."""
    return Key(text(record, "pk"), text(record, "sk"))
