"""The same world on the real adapters: DynamoDB, S3, SQS and EventBridge as moto plays them, in one thread.

Faults strike at botocore's `before-call` and `after-call`, so at every AWS call that an adapter makes, outside of
botocore's own retries; troubles answer in moto's place there. The index is the real adapter, too, answered in place.
The driver and the auditor look into moto's memory: they make no calls.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import boto3
from botocore.config import Config
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from forebay.adapters import dynamodb_records
from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.adapters.eventbridge_bus import EventBridgeBus
from forebay.adapters.memory import quietly
from forebay.adapters.s3_objects import S3Objects
from forebay.adapters.sqs_queues import SqsQueues
from forebay.config import QUEUES
from forebay.domain.events import Event
from forebay.domain.ports import VectorIndex
from forebay.domain.records import Key, Record
from local.template_yaml import read_template
from tests.simulation.aws_answers import Answers
from tests.simulation.tape import Tape
from tests.simulation.wire_index import WireIndex
from tests.simulation.world import World

_REGION: Final = "us-east-1"
_TABLE_PROPERTIES: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_TEMPLATE: Final = Path(__file__).resolve().parents[2] / "template.yaml"


class Cloud:
    """moto with our resources, made once; emptied for each world."""

    def __init__(self) -> None:
        session = boto3.session.Session(region_name=_REGION)
        config = Config(account_id_endpoint_mode="disabled", retries={"total_max_attempts": 1})
        self.dynamodb = session.client("dynamodb", config=config)
        self.s3 = session.client("s3", config=config)
        self.sqs = session.client("sqs", config=config)
        self.events = session.client("events", config=config)
        self.tape = Tape()
        self.published: list[Event] = []
        self.tokens: set[str] = set()  # of the transactions that took effect
        table = read_template(_TEMPLATE)["Resources"]["Table"]["Properties"]
        self.dynamodb.create_table(TableName="records", **{name: table[name] for name in _TABLE_PROPERTIES})
        self.s3.create_bucket(Bucket="data")
        self.s3.create_bucket(Bucket="uploads")
        self.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
        self.urls = {verb: self.sqs.create_queue(QueueName=verb)["QueueUrl"] for verb in QUEUES}
        self.events.create_event_bus(Name="bus")
        self.buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
        self.queues = sqs_backends[DEFAULT_ACCOUNT_ID][_REGION].queues
        for client in (self.dynamodb, self.s3, self.sqs, self.events):
            answers = Answers(client, self)
            hooks: Any = client.meta.events  # its annotation does not know that a hook may answer
            hooks.register("before-call", answers.before)
            client.meta.events.register("after-call", answers.after)

    @property
    def table(self) -> Any:
        """The table; moto puts another in its place when it refuses a transaction."""
        return dynamodb_backends[DEFAULT_ACCOUNT_ID][_REGION].tables["records"]

    def emptied(self, tape: Tape) -> "Cloud":
        """As new, telling `tape` of each call."""
        self.tape = tape
        self.published = []
        self.tokens = set()
        self.table.items.clear()
        for bucket in self.buckets.values():
            bucket.keys = type(bucket.keys)()
        for queue in self.queues.values():
            queue._messages = []
        return self


@contextmanager
def cloud() -> Iterator[Cloud]:
    """moto for as long as the context lasts."""
    with mock_aws():
        yield Cloud()


@contextmanager
def aws_worlds() -> Iterator[Callable[[Tape, bool], World]]:
    """Makes worlds on one cloud, one after the other."""
    with cloud() as made:
        yield lambda tape, late_index: AwsWorld(tape, made, late_index=late_index)


class AwsWorld(World):
    """The real adapters on a cloud."""

    seam = "aws"

    def __init__(self, tape: Tape, cloud: Cloud, *, late_index: bool = False) -> None:
        self._cloud = cloud.emptied(tape)
        super().__init__(tape, late_index=late_index)

    def vector_index(self) -> VectorIndex:
        """The real adapter; what it writes is in `index`."""
        self.index._on_call = quietly
        return WireIndex(self.index, self.tape, self.clock)

    def ports(self) -> Mapping[str, Any]:
        """The adapters, with clients that are shared by all worlds."""
        cloud = self._cloud
        return {
            "records": DynamoDBRecords(lambda: cloud.dynamodb, "records", lambda _: None),
            "objects": S3Objects(lambda: cloud.s3, data_bucket="data", uploads_bucket="uploads"),
            "queues": SqsQueues(lambda: cloud.sqs, cloud.urls),
            "bus": EventBridgeBus(lambda: cloud.events, "bus"),
        }

    def arrivals(self) -> list[tuple[str, str, int]]:
        """See World."""
        taken = []
        for verb, queue in self._cloud.queues.items():
            for message in queue._messages:
                delay = message.delayed_until - cast(float, message.sent_timestamp) if message.delayed_until else 0
                taken.append((verb, message.body, round(delay / 1000)))
            queue._messages = []
        return taken

    def records(self) -> Mapping[Key, Record]:
        """See World."""
        found = {}
        for rows in self._cloud.table.items.values():
            for item in rows.values():
                record = dynamodb_records._to_record(item.to_json()["Attributes"])
                found[Key(str(record["pk"]), str(record["sk"]))] = record
        return found

    def data_objects(self) -> list[str]:
        """See World."""
        return list(self._cloud.buckets["data"].keys)

    def upload_objects(self) -> list[str]:
        """See World."""
        return list(self._cloud.buckets["uploads"].keys)

    def published(self) -> list[Event]:
        """See World."""
        return self._cloud.published

    def user_puts(self, key: str, content: bytes) -> None:
        """See World."""
        with self._unheard():
            self._cloud.s3.put_object(Bucket="uploads", Key=key, Body=content)

    def user_deletes(self, key: str) -> None:
        """See World."""
        with self._unheard():
            self._cloud.s3.delete_object(Bucket="uploads", Key=key)

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        tape, self._cloud.tape = self._cloud.tape, Tape()
        try:
            yield
        finally:
            self._cloud.tape = tape
