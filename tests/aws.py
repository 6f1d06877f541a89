"""AWS in moto, in process and in one thread: the template's own table, buckets, queues and a bus; and injected faults.

Import the fixture `aws`; its resources are shared by a module's tests, so each test keeps to names of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from forebay.config import QUEUES
from local.template_yaml import read_template

ROOT: Final = Path(__file__).resolve().parents[1]
REGION: Final = "eu-west-1"
ENVIRONMENT: Final[Mapping[str, str]] = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",  # moto does not know DynamoDB's hosts with an account id in them
}
# One try and no waiting: what is retried here, the adapters retry.
_CONFIG: Final = Config(retries={"mode": "standard", "total_max_attempts": 1})


def client(service: str, **other: Any) -> Any:
    """A boto3 client that never retries; `other` goes to boto3 (endpoint_url, credentials)."""
    make: Any = boto3.client
    return make(service, **({"config": _CONFIG, "region_name": REGION} | other))


def create_table(dynamodb: Any, name: str) -> str:
    """The table as the template has it, under another name."""
    properties = read_template(ROOT / "template.yaml")["Resources"]["Table"]["Properties"]
    taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    dynamodb.create_table(TableName=name, **{each: properties[each] for each in taken})
    return name


@dataclass(frozen=True, slots=True)
class Aws:
    """What a stack would have, made in moto."""

    dynamodb: Any
    s3: Any
    sqs: Any
    events: Any
    table: str
    data_bucket: str
    uploads_bucket: str
    queues: Mapping[str, str]  # verb → URL
    bus: str


def make_aws() -> Aws:
    """Make the resources; to be called where AWS is mocked."""
    dynamodb, s3, sqs, events = (client(service) for service in ("dynamodb", "s3", "sqs", "events"))
    name = f"forebay-{uuid4().hex[:8]}"
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    s3.create_bucket(Bucket=f"{name}-data", **place)
    s3.create_bucket(Bucket=f"{name}-uploads", **place)
    s3.put_bucket_versioning(Bucket=f"{name}-uploads", VersioningConfiguration={"Status": "Enabled"})
    queues = {verb: sqs.create_queue(QueueName=f"{name}-{verb}")["QueueUrl"] for verb in QUEUES}
    events.create_event_bus(Name=name)
    return Aws(dynamodb, s3, sqs, events, create_table(dynamodb, name), f"{name}-data", f"{name}-uploads", queues, name)


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """AWS, empty, for one module's tests."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        with mock_aws():
            yield make_aws()


Answer = tuple[int, Mapping[str, Any]]  # HTTP status and the parsed body


@dataclass(frozen=True, slots=True)
class _Http:
    status_code: int
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Faults:
    """Answers put before a client's calls, one per call in turn; when they run out, calls go through to AWS."""

    answers: list[Exception | Answer | None] = field(default_factory=list)
    calls: int = 0

    def __call__(self, **_: Any) -> tuple[_Http, dict[str, Any]] | None:
        """botocore's `before-call` hook: an answer makes the call itself unnecessary."""
        self.calls += 1
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            return None
        if isinstance(answer, Exception):
            raise answer
        status, parsed = answer
        return _Http(status), {"ResponseMetadata": {"HTTPStatusCode": status}, **parsed}


def failing(service: str, operation: str, *answers: Exception | Answer | None) -> tuple[Any, Faults]:
    """A client whose calls of `operation` get these answers first (None: the call goes through), and their record."""
    made, faults = client(service), Faults(list(answers))
    made.meta.events.register(f"before-call.{service}.{operation}", faults)
    return made, faults


def error(code: str, status: int = 400, **more: Any) -> Answer:
    """AWS's error answer with this code."""
    return status, {"Error": {"Code": code, "Message": code}, **more}


def canceled(*codes: str) -> Answer:
    """A canceled transaction with these cancellation reasons, one a write."""
    return error("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


def bodies(sqs: Any, url: str) -> Sequence[dict[str, Any]]:
    """All messages that can be received from a queue now; they stay invisible for as long as the queue says."""
    found: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
    ).get("Messages"):
        found += messages
    return found
