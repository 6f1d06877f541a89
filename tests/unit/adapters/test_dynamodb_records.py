"""How DynamoDB fails, and what the record store makes of it; faults are injected into botocore's calls."""

from collections.abc import Callable, Mapping

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.domain.errors import TransientError
from forebay.domain.records import Delete, Key, Put, Query, Refused, Update
from tests.aws import ENVIRONMENT, Answer, Aws, aws, canceled, error, failing

__all__ = ["aws"]

TRIES = 6

PUT = Put(Key("F", "a"), {"n": 1})
THROTTLED = "ProvisionedThroughputExceededException"


def plain(aws: Aws) -> DynamoDBRecords:
    return DynamoDBRecords(lambda: aws.dynamodb, aws.table, sleep=lambda _: None)


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
    assert plain(aws).get(Key("F", "b")) is not None


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
def test_a_transaction_that_stays_in_conflict_is_transient_after_ever_longer_waits(answer: Answer) -> None:
    client, calls = failing("dynamodb", "TransactWriteItems", *[answer] * TRIES)
    waits = Waits()

    with pytest.raises(TransientError):
        DynamoDBRecords(lambda: client, "table", waits, jitter=lambda: 0.5).transact([PUT])

    assert calls.calls == TRIES
    assert waits.seconds == sorted(waits.seconds)
    assert sum(waits.seconds) < 5


def test_all_tries_of_a_transaction_are_one_request_to_dynamodb(aws: Aws) -> None:
    client, _ = failing("dynamodb", "TransactWriteItems", error("TransactionInProgressException"), None)
    tokens: list[str] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.TransactWriteItems",
        lambda params, **_: tokens.append(params["ClientRequestToken"]),
    )

    for _ in range(2):
        DynamoDBRecords(lambda: client, aws.table, lambda _: None).transact([PUT])

    assert [tokens.count(token) for token in dict.fromkeys(tokens)] == [2, 1]


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


def _part_of_a_batch(table: str, *left: str) -> Answer:
    keys = [{"pk": {"S": "F"}, "sk": {"S": sk}} for sk in left]
    return 200, {"Responses": {table: []}, "UnprocessedKeys": {table: {"Keys": keys, "ConsistentRead": True}}}


def test_keys_that_were_not_read_are_asked_for_again(aws: Aws) -> None:
    plain(aws).write(Put(Key("F", "u"), {"n": 5}))
    client, calls = failing("dynamodb", "BatchGetItem", _part_of_a_batch(aws.table, "u"), None)
    waits = Waits()

    found = DynamoDBRecords(lambda: client, aws.table, waits).get_many([Key("F", "u")])

    assert found == {Key("F", "u"): {"pk": "F", "sk": "u", "n": 5}}
    assert (calls.calls, len(waits.seconds)) == (2, 1)


def test_keys_that_are_never_read_are_transient_not_missing() -> None:
    client, _ = failing("dynamodb", "BatchGetItem", *[_part_of_a_batch("table", "u")] * TRIES)

    with pytest.raises(TransientError):
        DynamoDBRecords(lambda: client, "table", Waits()).get_many([Key("F", "u")])


FAILURES: Mapping[str, Exception | Answer] = {
    "throttled": error(THROTTLED),
    "server error": error("InternalServerError", status=500),
    "no access": error("AccessDeniedException"),
    "no connection": EndpointConnectionError(endpoint_url="https://dynamodb"),
    "connect timeout": ConnectTimeoutError(endpoint_url="https://dynamodb"),
    "read timeout": ReadTimeoutError(endpoint_url="https://dynamodb"),
}
OPERATIONS: Mapping[str, Callable[[DynamoDBRecords], object]] = {
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
