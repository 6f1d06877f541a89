"""The record store's contract against the local cloud's DynamoDB: a second opinion beside moto."""

import uuid

import pytest

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.domain.ports import RecordStore
from tests.aws import create_table
from tests.conformance.ports.record_store_suite import RecordStoreSuite, TypeStrictnessSuite
from tests.e2e.cloud import CloudEndpoint


@pytest.fixture(scope="session")
def store(cloud_endpoint: CloudEndpoint) -> RecordStore:
    """A table of its own; the suite's tests keep to their own partitions."""
    client = cloud_endpoint.client("dynamodb")
    table = create_table(client, f"conformance-{uuid.uuid4().hex[:8]}")
    return DynamoDBRecords(lambda: client, table, sleep=lambda _: None)


class TestDynamoDBRecordsOnTheLocalCloud(RecordStoreSuite, TypeStrictnessSuite):
    @pytest.fixture
    def records(self, store: RecordStore) -> RecordStore:
        return store
