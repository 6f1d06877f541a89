"""The record stores against their contract, against each other, and DynamoDB's own ways of failing."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.adapters.memory import MemoryRecords
from forebay.domain.errors import TransientError
from forebay.domain.ports import RecordStore
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
    Refused,
    Update,
    Value,
    Write,
)
from tests.aws import ENVIRONMENT, Aws, aws, canceled, error, failing
from tests.conformance.ports.record_store_suite import RecordStoreSuite

__all__ = ["aws"]

TRIES = 6


def on_dynamodb(aws: Aws) -> DynamoDBRecords:
    return DynamoDBRecords(lambda: aws.dynamodb, aws.table, sleep=lambda _: None)


class TestMemoryRecords(RecordStoreSuite):
    @pytest.fixture
    def records(self) -> RecordStore:
        return MemoryRecords()


class TestDynamoDBRecordsOnMoto(RecordStoreSuite):
    @pytest.fixture
    def records(self, aws: Aws) -> RecordStore:
        return on_dynamodb(aws)


# -- the two against each other: random writes leave the same records and give the same answers ------------------------

_NAMES = ("n", "s", "f")
_scalars: st.SearchStrategy[str | int | bool] = st.one_of(
    st.sampled_from(["", "x", "1"]), st.integers(-2, 2), st.booleans()
)
_conditions: st.SearchStrategy[Condition] = st.one_of(
    st.just(Absent()),
    st.builds(Is, st.sampled_from([*_NAMES, "m.a"]), _scalars),
    st.builds(IsOneOf, st.sampled_from(_NAMES), st.sampled_from([("x",), ("", "1", "x")])),
    st.builds(Has, st.sampled_from([*_NAMES, "m.a", "m"])),
    st.builds(Lacks, st.sampled_from([*_NAMES, "m.a", "m"])),
    st.builds(Above, st.sampled_from(_NAMES), st.integers(-2, 2)),
    st.builds(Below, st.sampled_from(_NAMES), st.integers(-2, 2)),
)
_whens = st.lists(_conditions, max_size=2).map(tuple)
_sort_keys = st.sampled_from(["a", "b", "c"])
_maps: st.SearchStrategy[Mapping[str, Value]] = st.fixed_dictionaries(
    {"count": st.integers(0, 3), "done": st.sets(st.integers(0, 3), min_size=1).map(frozenset)},
    optional={"n": _scalars, "s": _scalars, "f": _scalars, "m": st.fixed_dictionaries({}, optional={"a": _scalars})},
)


@st.composite
def _updates(draw: st.DrawFn, key: Key) -> Update:
    """An update whose clauses name different attributes, as DynamoDB wants it."""
    free = {name: draw(st.sampled_from(["set", "default", "remove", "none"])) for name in _NAMES}
    values = {name: draw(_scalars) for name in _NAMES}
    return Update(
        key,
        set={name: values[name] for name in _NAMES if free[name] == "set"} | {"touched": True},
        default={name: values[name] for name in _NAMES if free[name] == "default"},
        add={"count": draw(st.integers(-2, 2)), "done": frozenset({draw(st.integers(0, 3))})},
        remove=tuple(name for name in _NAMES if free[name] == "remove"),
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
        case Update(_, set_, default, add, remove, when):
            return Update(key, set_, default, add, remove, when)
        case Delete(_, when):
            return Delete(key, when)


_examples = iter(range(1_000_000))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], print_blob=True)
@given(steps=st.lists(st.one_of(_writes(), _transactions), min_size=1, max_size=6))
def test_random_writes_do_the_same_in_memory_and_on_dynamodb(aws: Aws, steps: list[Write | list[Write]]) -> None:
    partition = f"random#{next(_examples)}"
    memory, dynamodb = MemoryRecords(), on_dynamodb(aws)

    for step in steps:
        if isinstance(step, list):
            moved = [_elsewhere(write, partition) for write in step]
            assert memory.transact(moved) == dynamodb.transact(moved)
        else:
            write = _elsewhere(step, partition)
            assert memory.write(write) == dynamodb.write(write)

    assert memory.query(Query(partition)).records == dynamodb.query(Query(partition)).records


# -- how DynamoDB fails ----------------------------------------------------------------------------------------------

PUT = Put(Key("F", "a"), {"n": 1})
THROTTLED = "ProvisionedThroughputExceededException"


class Waits:
    """Records what the adapter would have slept."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def test_a_transaction_in_conflict_is_tried_again_and_done(aws: Aws) -> None:
    client, calls = failing("dynamodb", "TransactWriteItems", canceled("None", "TransactionConflict"), None)
    waits = Waits()

    done = DynamoDBRecords(lambda: client, aws.table, waits).transact([PUT, Put(Key("F", "b"), {"n": 1})])

    assert done is None
    assert calls.calls == 2
    assert len(waits.seconds) == 1
    assert on_dynamodb(aws).get(Key("F", "b")) is not None


@pytest.mark.parametrize(
    "answer",
    [
        canceled("TransactionConflict"),
        canceled("ThrottlingError", "None"),
        canceled("ProvisionedThroughputExceeded"),
        error("TransactionInProgressException"),
        error("TransactionConflictException"),
    ],
    ids=["conflict", "throttling", "throughput", "in progress", "conflict exception"],
)
def test_a_transaction_that_stays_in_conflict_is_transient_after_ever_longer_waits(answer: tuple[int, dict[str, object]]) -> None:
    client, calls = failing("dynamodb", "TransactWriteItems", *[answer] * TRIES)
    waits = Waits()

    with pytest.raises(TransientError):
        DynamoDBRecords(lambda: client, "table", waits, jitter=lambda: 0.5).transact([PUT])

    assert calls.calls == TRIES
    assert waits.seconds == sorted(waits.seconds)
    assert sum(waits.seconds) < 5


def test_a_failed_condition_is_an_answer_even_beside_a_conflict() -> None:
    client, calls = failing(
        "dynamodb", "TransactWriteItems", canceled("TransactionConflict", "ConditionalCheckFailed", "None")
    )

    answer = DynamoDBRecords(lambda: client, "table", Waits()).transact([PUT])

    assert answer == Refused((1,))
    assert calls.calls == 1


def test_a_transaction_canceled_for_another_reason_is_transient_at_once() -> None:
    client, calls = failing("dynamodb", "TransactWriteItems", canceled("ValidationError", "None"))

    with pytest.raises(TransientError, match="ValidationError"):
        DynamoDBRecords(lambda: client, "table", Waits()).transact([PUT])

    assert calls.calls == 1


def test_a_single_write_in_conflict_with_a_transaction_is_tried_again(aws: Aws) -> None:
    client, calls = failing("dynamodb", "PutItem", error("TransactionConflictException"), None)

    written = DynamoDBRecords(lambda: client, aws.table, Waits()).write(PUT)

    assert written == {"pk": "F", "sk": "a", "n": 1}
    assert calls.calls == 2


def test_a_single_write_that_stays_in_conflict_is_transient() -> None:
    client, calls = failing("dynamodb", "PutItem", *[error("TransactionConflictException")] * TRIES)

    with pytest.raises(TransientError):
        DynamoDBRecords(lambda: client, "table", Waits()).write(PUT)

    assert calls.calls == TRIES


def _part_of_a_batch(table: str, *left: str) -> tuple[int, dict[str, object]]:
    keys = [{"pk": {"S": "F"}, "sk": {"S": sk}} for sk in left]
    return 200, {"Responses": {table: []}, "UnprocessedKeys": {table: {"Keys": keys, "ConsistentRead": True}}}


def test_keys_that_were_not_read_are_asked_for_again(aws: Aws) -> None:
    on_dynamodb(aws).write(Put(Key("F", "u"), {"n": 5}))
    client, calls = failing("dynamodb", "BatchGetItem", _part_of_a_batch(aws.table, "u"), None)
    waits = Waits()

    found = DynamoDBRecords(lambda: client, aws.table, waits).get_many([Key("F", "u")])

    assert found == {Key("F", "u"): {"pk": "F", "sk": "u", "n": 5}}
    assert (calls.calls, len(waits.seconds)) == (2, 1)


def test_keys_that_are_never_read_are_transient_not_missing() -> None:
    client, _ = failing("dynamodb", "BatchGetItem", *[_part_of_a_batch("table", "u")] * TRIES)

    with pytest.raises(TransientError):
        DynamoDBRecords(lambda: client, "table", Waits()).get_many([Key("F", "u")])


FAILURES = {
    "throttled": error(THROTTLED),
    "server error": error("InternalServerError", status=500),
    "no access": error("AccessDeniedException"),
    "no connection": EndpointConnectionError(endpoint_url="https://dynamodb"),
    "connect timeout": ConnectTimeoutError(endpoint_url="https://dynamodb"),
    "read timeout": ReadTimeoutError(endpoint_url="https://dynamodb"),
}
OPERATIONS = {
    "GetItem": lambda records: records.get(Key("F", "a")),
    "BatchGetItem": lambda records: records.get_many([Key("F", "a")]),
    "PutItem": lambda records: records.write(PUT),
    "UpdateItem": lambda records: records.write(Update(Key("F", "a"), set={"n": 1})),
    "DeleteItem": lambda records: records.write(Delete(Key("F", "a"))),
    "TransactWriteItems": lambda records: records.transact([PUT]),
    "Query": lambda records: records.query(Query("F")),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_keeps_the_table_from_answering_is_transient(operation: str, failure: str) -> None:
    client, _ = failing("dynamodb", operation, FAILURES[failure])
    records = DynamoDBRecords(lambda: client, "table", Waits())

    with pytest.raises(TransientError):
        OPERATIONS[operation](records)
