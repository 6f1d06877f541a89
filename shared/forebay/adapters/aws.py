"""One boto3 session per process and its clients, made when first used, with timeouts and retries said aloud."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

# botocore waits 60 s to connect and to read, longer than most of our functions live.
_CONFIG = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "max_attempts": 4})


@cache
def _session() -> boto3.session.Session:
    return boto3.session.Session()


@cache
def dynamodb() -> "DynamoDBClient":
    """The process's DynamoDB client."""
    return _session().client("dynamodb", config=_CONFIG)


@cache
def s3() -> "S3Client":
    """The process's S3 client; signature version 4, which presigned forms need in every region."""
    return _session().client("s3", config=_CONFIG.merge(Config(signature_version="s3v4")))


@cache
def sqs() -> "SQSClient":
    """The process's SQS client."""
    return _session().client("sqs", config=_CONFIG)


@cache
def events() -> "EventBridgeClient":
    """The process's EventBridge client."""
    return _session().client("events", config=_CONFIG)


@cache
def kms() -> "KMSClient":
    """The process's KMS client."""
    return _session().client("kms", config=_CONFIG)


@cache
def ssm() -> "SSMClient":
    """The process's Systems Manager client."""
    return _session().client("ssm", config=_CONFIG)


def reason(error: BotoCoreError | ClientError) -> str:
    """What AWS called the failure, or what botocore did."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    return code or type(error).__name__
