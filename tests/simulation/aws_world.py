"""The same world on the real adapters: DynamoDB, S3, SQS and EventBridge as moto plays them, in one thread.

Faults strike at botocore's `before-call` and `after-call`, so at every AWS call that an adapter makes, outside of
botocore's own retries. The driver and the auditor look into moto's memory: they make no calls.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

from forebay.adapters import dynamodb_records
from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.adapters.eventbridge_bus import EventBridgeBus
from forebay.adapters.s3_objects import S3Objects
from forebay.adapters.sqs_queues import SqsQueues
from forebay.config import QUEUES
from forebay.domain.events import Event
from forebay.domain.records import Key, Record
from local.template_yaml import read_template
from tests.simulation.tape import Tape
from tests.simulation.world import World

_REGION: Final = "us-east-1"
_TABLE_PROPERTIES: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_TEMPLATE: Final = Path(__file__).resolve().parents[2] / "template.yaml"


def _aws_error(name: str, phase: str) -> Exception:
    if phase == "after":
        return ReadTimeoutError(endpoint_url=name)
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "injected"}}, name)


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
        self._publishing: list[Event] = []
        table = read_template(_TEMPLATE)["Resources"]["Table"]["Properties"]
        self.dynamodb.create_table(TableName="records", **{name: table[name] for name in _TABLE_PROPERTIES})
        self.s3.create_bucket(Bucket="data")
        self.s3.create_bucket(Bucket="uploads")
        self.s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
        self.urls = {verb: self.sqs.create_queue(QueueName=verb)["QueueUrl"] for verb in QUEUES}
        self.events.create_event_bus(Name="bus")
        self.table = dynamodb_backends[DEFAULT_ACCOUNT_ID][_REGION].tables["records"]
        self.buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
        self.queues = sqs_backends[DEFAULT_ACCOUNT_ID][_REGION].queues
        for client in (self.dynamodb, self.s3, self.sqs, self.events):
            client.meta.events.register("before-call", self._before)
            client.meta.events.register("after-call", self._after)

    def emptied(self, tape: Tape) -> "Cloud":
        """As new, telling `tape` of each call."""
        self.tape = tape
        self.published = []
        self.table.items.clear()
        for bucket in self.buckets.values():
            bucket.keys = type(bucket.keys)()
        for queue in self.queues.values():
            queue._messages = []
        return self

    def _before(self, model: Any, params: Any, **_: Any) -> None:
        if model.name == "PutEvents":
            entries = json.loads(params["body"])["Entries"]
            self._publishing = [Event.model_validate_json(entry["Detail"]) for entry in entries]
        self.tape.hit("before", _name(model), lambda name: _aws_error(name, "before"))

    def _after(self, model: Any, http_response: Any, **_: Any) -> None:
        if http_response.status_code >= 300:
            return  # a refused condition has no effect, and its answer is the adapter's to read
        if model.name == "PutEvents":
            self.published += self._publishing
        self.tape.hit("after", _name(model), lambda name: _aws_error(name, "after"))


def _name(model: Any) -> str:
    return f"{model.service_model.service_name}.{model.name}"


@contextmanager
def cloud() -> Iterator[Cloud]:
    """moto for as long as the context lasts."""
    with mock_aws():
        yield Cloud()


class AwsWorld(World):
    """The real adapters on a cloud."""

    def __init__(self, tape: Tape, cloud: Cloud, *, late_index: bool = False) -> None:
        self._cloud = cloud.emptied(tape)
        super().__init__(tape, late_index=late_index)

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
