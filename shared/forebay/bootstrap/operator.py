"""The engine of operator commands: the record store of a table that is named, and nothing else."""

import time

from forebay.adapters import aws
from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.bootstrap.core import engine_of
from forebay.service.engine import Engine, Policy


def operator_engine(table: str) -> Engine:
    """An engine that has records only."""
    return engine_of({"records": DynamoDBRecords(aws.dynamodb, table, time.sleep)}, Policy())
