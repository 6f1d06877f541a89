"""The record stores against their contract."""

import pytest

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.adapters.memory import MemoryRecords
from forebay.domain.ports import RecordStore
from tests.aws import Aws, aws
from tests.conformance.ports.record_store_suite import RecordStoreSuite, TypeStrictnessSuite

__all__ = ["aws"]


class TestMemoryRecords(RecordStoreSuite, TypeStrictnessSuite):
    @pytest.fixture
    def records(self) -> RecordStore:
        return MemoryRecords()


class TestDynamoDBRecordsOnMoto(RecordStoreSuite):
    """Without the suite on types: moto compares values without looking at their types, DynamoDB does look."""

    @pytest.fixture
    def records(self, aws: Aws) -> RecordStore:
        return DynamoDBRecords(lambda: aws.dynamodb, aws.table, sleep=lambda _: None)
