"""The record stores against each other: random writes leave the same records and give the same answers."""

from collections.abc import Mapping

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.adapters.memory import MemoryRecords
from forebay.domain.records import (
    Above,
    Absent,
    Below,
    Condition,
    Delete,
    Has,
    Is,
    IsOneOf,
    Key,
    Lacks,
    Put,
    Query,
    Update,
    Value,
    Write,
    key_of,
)
from tests.aws import Aws, aws

__all__ = ["aws"]

# Each attribute has one type: moto compares values without looking at their types, unlike DynamoDB.
_VALUES: Mapping[str, st.SearchStrategy[str | int | bool]] = {
    "n": st.integers(-2, 2),
    "s": st.sampled_from(["", "x", "1"]),
    "f": st.booleans(),
}
_NAMES = tuple(_VALUES)
_NUMBERS = st.sampled_from(["n", "count"])
_conditions: st.SearchStrategy[Condition] = st.one_of(
    st.just(Absent()),
    st.builds(Is, st.just("n"), _VALUES["n"]),
    st.builds(Is, st.sampled_from(["s", "m.a"]), _VALUES["s"]),
    st.builds(Is, st.just("f"), _VALUES["f"]),
    st.builds(IsOneOf, st.just("s"), st.sampled_from([("x",), ("", "1", "x")])),
    st.builds(Has, st.sampled_from([*_NAMES, "m.a", "m"])),
    st.builds(Lacks, st.sampled_from([*_NAMES, "m.a", "m"])),
    st.builds(Above, _NUMBERS, st.integers(-2, 2)),
    st.builds(Below, _NUMBERS, st.integers(-2, 2)),
)
_whens = st.lists(_conditions, max_size=2).map(tuple)
_sort_keys = st.sampled_from(["a", "b", "c"])
_maps: st.SearchStrategy[Mapping[str, Value]] = st.fixed_dictionaries(
    {"count": st.integers(0, 3), "done": st.sets(st.integers(0, 3), min_size=1).map(frozenset)},
    optional={**_VALUES, "m": st.fixed_dictionaries({}, optional={"a": _VALUES["s"]})},
)


@st.composite
def _updates(draw: st.DrawFn, key: Key) -> Update:
    """An update whose clauses name different attributes, as DynamoDB wants it."""
    free = {name: draw(st.sampled_from(["set", "default", "remove", "none"])) for name in _NAMES}
    values = {name: draw(strategy) for name, strategy in _VALUES.items()}
    members, taken = frozenset({draw(st.integers(0, 3))}), draw(st.booleans())
    return Update(
        key,
        set={name: values[name] for name in _NAMES if free[name] == "set"} | {"touched": True},
        default={name: values[name] for name in _NAMES if free[name] == "default"},
        add={"count": draw(st.integers(-2, 2))} | ({} if taken else {"done": members}),
        remove=tuple(name for name in _NAMES if free[name] == "remove"),
        take={"done": members} if taken else {},
        when=draw(_whens),
    )


@st.composite
def _writes(draw: st.DrawFn, sk: str | None = None) -> Write:
    key = Key("P", sk or draw(_sort_keys))
    kind = draw(st.sampled_from(["put", "update", "update", "delete"]))
    if kind == "put":
        return Put(key, draw(_maps), draw(_whens))
    return draw(_updates(key)) if kind == "update" else Delete(key, draw(_whens))


_transactions = st.lists(_sort_keys, min_size=1, max_size=3, unique=True).flatmap(
    lambda sks: st.tuples(*(_writes(sk) for sk in sks)).map(list)
)


def _elsewhere(write: Write, partition: str) -> Write:
    key = Key(partition, write.key.sk)
    match write:
        case Put(_, record, when):
            return Put(key, record, when)
        case Update(_, set_, default, add, remove, take, when):
            return Update(key, set_, default, add, remove, take, when)
        case Delete(_, when):
            return Delete(key, when)


_examples = iter(range(1_000_000))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(steps=st.lists(st.one_of(_writes(), _transactions), min_size=1, max_size=6))
def test_random_writes_do_the_same_in_memory_and_on_dynamodb(aws: Aws, steps: list[Write | list[Write]]) -> None:
    partition = f"random#{next(_examples)}"
    memory, dynamodb = MemoryRecords(), DynamoDBRecords(lambda: aws.dynamodb, aws.table, sleep=lambda _: None)

    for step in steps:
        if isinstance(step, list):
            moved = [_elsewhere(write, partition) for write in step]
            assert memory.transact(moved) == dynamodb.transact(moved)
        else:
            write = _elsewhere(step, partition)
            assert memory.write(write) == dynamodb.write(write)

    left = dynamodb.query(Query(partition)).records
    assert memory.query(Query(partition)).records == left
    for record in left:  # moto copies the whole table for each transaction
        dynamodb.write(Delete(key_of(record)))
