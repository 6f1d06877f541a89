"""The record store on DynamoDB: one table, two sparse indexes, conditional writes and transactions.

botocore retries throttling and server errors by itself, but not transaction conflicts: those are retried here.
A cancellation's reasons are read one by one: a conflict is retried, a failed condition is an answer
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html).
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from forebay.adapters.aws import reason
from forebay.domain.errors import TransientError
from forebay.domain.records import (
    Above,
    Absent,
    Below,
    Condition,
    Delete,
    Has,
    Index,
    Is,
    IsOneOf,
    Key,
    Lacks,
    Put,
    Query,
    Record,
    RecordPage,
    Refused,
    Update,
    Value,
    Write,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONFLICT_TRIES: Final = 6
_GET_MANY_MOST: Final = 100  # keys a BatchGetItem
_RETRIED: Final = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_KEYS_OF: Final[Mapping[Index, tuple[str, str]]] = {
    Index.TABLE: ("pk", "sk"),
    Index.DUE: ("due_pk", "due_at"),
    Index.JOBS: ("jpk", "jsk"),
}
_COMPARED: Final[Mapping[type[Condition], str]] = {Is: "=", Above: ">", Below: "<"}


class _Expression:
    """Names and values of one request's expressions, each written once."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.values: dict[str, Any] = {}

    def name(self, path: str) -> str:
        """The placeholder of a document path."""
        return ".".join(self.names.setdefault(f"#{part}", f"#{len(self.names)}") for part in path.split("."))

    def value(self, value: Value) -> str:
        """The placeholder of a value."""
        placeholder = f":{len(self.values)}"
        self.values[placeholder] = _to_attribute(value)
        return placeholder

    def condition(self, conditions: Sequence[Condition]) -> str:
        """All conditions, joined by AND."""
        return " AND ".join(self._one(condition) for condition in conditions)

    def _one(self, condition: Condition) -> str:
        match condition:
            case Absent():
                return f"attribute_not_exists({self.name('pk')})"
            case Has(path):
                return f"attribute_exists({self.name(path)})"
            case Lacks(path):
                return f"attribute_not_exists({self.name(path)})"
            case IsOneOf(path, values):
                return f"{self.name(path)} IN ({', '.join(self.value(value) for value in values)})"
            case Is(path, value):
                return f"{self.name(path)} = {self.value(value)}"
            case Above(path, bound) | Below(path, bound):
                return f"{self.name(path)} {_COMPARED[type(condition)]} {self.value(bound)}"

    def update(self, update: Update) -> str:
        """The update expression."""
        assigned = [f"{self.name(path)} = {self.value(value)}" for path, value in update.set.items()]
        for path, value in update.default.items():
            name = self.name(path)
            assigned.append(f"{name} = if_not_exists({name}, {self.value(value)})")
        clauses = {
            "SET": assigned,
            "ADD": [f"{self.name(path)} {self.value(value)}" for path, value in update.add.items()],
            "REMOVE": [self.name(path) for path in update.remove],
            "DELETE": [f"{self.name(path)} {self.value(value)}" for path, value in update.take.items()],
        }
        return " ".join(f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts)

    def parameters(self) -> dict[str, Any]:
        """The request members that carry names and values; empty ones must be left out."""
        names = {placeholder: part.removeprefix("#") for part, placeholder in self.names.items()}
        return ({"ExpressionAttributeNames": names} if names else {}) | (
            {"ExpressionAttributeValues": self.values} if self.values else {}
        )


_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def _to_attribute(value: Value) -> Any:
    if isinstance(value, frozenset):
        return _serialize(set(value))
    if isinstance(value, Mapping):
        return {"M": {name: _to_attribute(member) for name, member in value.items()}}
    return _serialize(value)


def _to_item(record: Record) -> dict[str, Any]:
    return {name: _to_attribute(value) for name, value in record.items()}


def _to_value(attribute: Any) -> Value:
    kind, content = next(iter(attribute.items()))
    match kind:
        case "N":
            return int(content)
        case "NS":
            return frozenset(int(member) for member in content)
        case "SS":
            return frozenset(content)
        case "M":
            return {name: _to_value(member) for name, member in content.items()}
        case _:
            value: Value = _deserialize(attribute)
            return value


def _to_record(item: Mapping[str, Any]) -> Record:
    return {name: _to_value(attribute) for name, attribute in item.items()}


def _key(key: Key) -> dict[str, Any]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}


def _unwell(error: BotoCoreError | ClientError) -> TransientError:
    """The error tree's word for it; a request that DynamoDB cannot read is our bug and stays what it is."""
    if reason(error) == "ValidationException":
        raise error
    return TransientError(f"the record store failed: {reason(error)}")


@contextmanager
def _translated() -> Iterator[None]:
    """Turns what boto3 raises into the error tree."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise _unwell(error) from error


class DynamoDBRecords:
    """RecordStore on one DynamoDB table (keys pk, sk; indexes `due` and `jobs`)."""

    def __init__(
        self,
        client: "Callable[[], DynamoDBClient]",
        table: str,
        sleep: Callable[[float], None],
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep
        self._jitter = jitter

    def get(self, key: Key) -> Record | None:
        """See RecordStore."""
        with _translated():
            answer = self._client().get_item(TableName=self._table, Key=_key(key), ConsistentRead=True)
        return _to_record(answer["Item"]) if "Item" in answer else None

    def get_many(self, keys: Sequence[Key]) -> Mapping[Key, Record]:
        """See RecordStore."""
        wanted = list(dict.fromkeys(keys))
        found: dict[Key, Record] = {}
        for start in range(0, len(wanted), _GET_MANY_MOST):
            for item in self._batch(wanted[start : start + _GET_MANY_MOST]):
                record = _to_record(item)
                found[Key(str(record["pk"]), str(record["sk"]))] = record
        return found

    def _batch(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        asked: Any = {self._table: {"Keys": [_key(key) for key in keys], "ConsistentRead": True}}
        items: list[dict[str, Any]] = []
        for attempt in range(_CONFLICT_TRIES):
            with _translated():
                answer = self._client().batch_get_item(RequestItems=asked)
            items += answer["Responses"].get(self._table, [])
            asked = answer.get("UnprocessedKeys")
            if not asked:
                return items
            self._back_off(attempt)
        raise TransientError("the record store left keys unprocessed")

    def write(self, write: Write) -> Record | Refused:
        """See RecordStore."""
        for attempt in range(_CONFLICT_TRIES):
            try:
                return self._write(write)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if code == "ConditionalCheckFailedException":
                    return Refused((0,))
                if code != "TransactionConflictException":
                    raise _unwell(error) from error
            except BotoCoreError as error:
                raise _unwell(error) from error
            self._back_off(attempt)
        raise TransientError("the record stays in conflict with transactions")

    def _write(self, write: Write) -> Record:
        request = self._request(write)
        match write:
            case Put():
                self._client().put_item(**request)
                return {**write.record, "pk": write.key.pk, "sk": write.key.sk}
            case Update():
                return _to_record(self._client().update_item(**request, ReturnValues="ALL_NEW")["Attributes"])
            case Delete():
                self._client().delete_item(**request)
                return {}

    def transact(self, writes: Sequence[Write]) -> Refused | None:
        """See RecordStore."""
        items: Any = [{type(write).__name__: self._request(write)} for write in writes]
        # One token for all tries: when an earlier one takes effect after all, this answers so instead of finding its
        # own writes in the way. botocore would make a new one for each.
        token = str(uuid.uuid4())
        for attempt in range(_CONFLICT_TRIES):
            try:
                self._client().transact_write_items(TransactItems=items, ClientRequestToken=token)
                return None
            except ClientError as error:
                refused = self._answer(error)
            except BotoCoreError as error:
                raise _unwell(error) from error
            if refused is not None:
                return refused
            self._back_off(attempt)
        raise TransientError("the transaction stays in conflict with others")

    @staticmethod
    def _answer(error: ClientError) -> Refused | None:
        """What a failed transaction says: Refused, or None to try again; anything else is raised."""
        code = error.response["Error"]["Code"]
        if code in ("TransactionInProgressException", "TransactionConflictException"):
            return None
        if code != "TransactionCanceledException":
            raise _unwell(error) from error
        reasons: Any = error.response.get("CancellationReasons", [])
        codes = [reason.get("Code", "None") for reason in reasons]
        failed = tuple(position for position, reason in enumerate(codes) if reason == "ConditionalCheckFailed")
        if failed:
            return Refused(failed)
        if _RETRIED.intersection(codes):
            return None
        raise TransientError(f"the transaction was canceled: {sorted(set(codes))}") from error

    def query(self, query: Query) -> RecordPage:
        """See RecordStore."""
        partition, sort = _KEYS_OF[query.index]
        expression = _Expression()
        condition = f"{expression.name(partition)} = {expression.value(query.partition)}"
        if query.prefix:
            condition += f" AND begins_with({expression.name(sort)}, {expression.value(query.prefix)})"
        if query.up_to:
            condition += f" AND {expression.name(sort)} <= {expression.value(query.up_to)}"
        request: dict[str, Any] = {"TableName": self._table, "KeyConditionExpression": condition, "Limit": query.limit}
        request |= expression.parameters() | {"ScanIndexForward": not query.newest_first}
        if query.index is Index.TABLE:
            request["ConsistentRead"] = True
        else:
            request["IndexName"] = query.index.value
        if query.after is not None:
            request["ExclusiveStartKey"] = {name: {"S": value} for name, value in query.after.items()}
        with _translated():
            answer = self._client().query(**request)
        last = answer.get("LastEvaluatedKey")
        after = {name: str(_to_value(value)) for name, value in last.items()} if last else None
        return RecordPage([_to_record(item) for item in answer["Items"]], after)

    def _request(self, write: Write) -> dict[str, Any]:
        expression = _Expression()
        request: dict[str, Any] = {"TableName": self._table}
        match write:
            case Put(key, record):
                request["Item"] = _to_item({**record, "pk": key.pk, "sk": key.sk})
            case Update(key):
                request["Key"] = _key(key)
                changes = expression.update(write)
                if changes:
                    request["UpdateExpression"] = changes
            case Delete(key):
                request["Key"] = _key(key)
        if write.when:
            request["ConditionExpression"] = expression.condition(write.when)
        return request | expression.parameters()

    def _back_off(self, attempt: int) -> None:
        self._sleep(0.02 * 2**attempt * (0.5 + self._jitter()))
