"""The object stores against their contract, and S3's own ways of failing."""

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from forebay.adapters.memory_objects import MemoryObjects
from forebay.adapters.s3_objects import S3Objects
from forebay.domain.document import ObjectRef
from forebay.domain.errors import DocumentError, TransientError
from tests.aws import ENVIRONMENT, Answer, Aws, aws, client, error, failing
from tests.conformance.ports.object_store_suite import ObjectStoreSuite, Subject

__all__ = ["aws"]


def on_s3(aws: Aws) -> S3Objects:
    return S3Objects(lambda: aws.s3, data_bucket=aws.data_bucket, uploads_bucket=aws.uploads_bucket)


class TestMemoryObjects(ObjectStoreSuite):
    @pytest.fixture
    def subject(self) -> Subject:
        objects = MemoryObjects()

        def put(key: str, content: bytes, metadata: Mapping[str, str]) -> None:
            objects.put_object("uploads", key, content, metadata)

        def delete(key: str) -> None:
            objects.delete_upload(key)

        return Subject(objects, put, delete)

    def test_another_bucket_is_forbidden(self) -> None:
        for look in (lambda: MemoryObjects().head("not-ours", "a"), lambda: MemoryObjects().list_objects("x", "", 1)):
            with pytest.raises(DocumentError) as raised:
                look()
            assert raised.value.code == "source_forbidden"


class TestS3ObjectsOnMoto(ObjectStoreSuite):
    @pytest.fixture
    def subject(self, aws: Aws) -> Subject:
        def put(key: str, content: bytes, metadata: Mapping[str, str]) -> None:
            aws.s3.put_object(Bucket=aws.uploads_bucket, Key=key, Body=content, Metadata=dict(metadata))

        def delete(key: str) -> None:
            aws.s3.delete_object(Bucket=aws.uploads_bucket, Key=key)

        return Subject(on_s3(aws), put, delete)

    def test_a_missing_bucket_has_no_objects(self, aws: Aws) -> None:
        assert on_s3(aws).head("no-such-bucket-anywhere", "a") is None

    def test_a_deletion_goes_on_over_all_pages_of_the_list(self, aws: Aws) -> None:
        paged = client("s3")
        paged.meta.events.register(
            "provide-client-params.s3.ListObjectsV2", lambda params, **_: params.update(MaxKeys=2)
        )
        for number in range(5):
            aws.s3.put_object(Bucket=aws.data_bucket, Key=f"many/{number}", Body=b"")

        S3Objects(lambda: paged, data_bucket=aws.data_bucket, uploads_bucket="").delete_prefix("many/")

        assert "Contents" not in aws.s3.list_objects_v2(Bucket=aws.data_bucket, Prefix="many/")

    def test_a_missing_bucket_cannot_be_listed(self, aws: Aws) -> None:
        with pytest.raises(DocumentError) as raised:
            on_s3(aws).list_objects("no-such-bucket-anywhere", "", 10)
        assert raised.value.code == "source_missing"

    def test_a_list_goes_on_over_pages_until_there_are_enough(self, aws: Aws) -> None:
        paged, asked = client("s3"), []

        def two_a_page(params: dict[str, object], **_: object) -> None:
            asked.append(params["Prefix"])
            params["MaxKeys"] = 2

        paged.meta.events.register("provide-client-params.s3.ListObjectsV2", two_a_page)
        for number in range(6):
            aws.s3.put_object(Bucket=aws.data_bucket, Key=f"paged/{number}", Body=b"")

        found = S3Objects(lambda: paged, data_bucket="", uploads_bucket="").list_objects(aws.data_bucket, "paged/", 3)

        assert [ref.key for ref in found] == ["paged/0", "paged/1", "paged/2"]
        assert asked == ["paged/", "paged/"]

    def test_a_form_binds_key_type_and_size_and_expires(self, aws: Aws) -> None:
        form = on_s3(aws).presign_post("uploads/a/up_1", size_bytes=77, media_type="text/csv", expires_seconds=60)

        policy = json.loads(base64.b64decode(form.fields["policy"]))
        assert ["content-length-range", 1, 77] in policy["conditions"]
        assert {"Content-Type": "text/csv"} in policy["conditions"]
        assert {"key": "uploads/a/up_1"} in policy["conditions"]
        assert policy["expiration"]


# -- how S3 fails ------------------------------------------------------------------------------------------------------

REF = ObjectRef("data", "a", "", "etag", 1)
Call = Callable[[S3Objects], object]
OPERATIONS: Mapping[str, Call] = {
    "PutObject": lambda objects: objects.put("a", b"x"),
    "PutObject, of a file": lambda objects: objects.put_file("a", Path(__file__), {}),
    "GetObject": lambda objects: objects.get("a"),
    "HeadObject": lambda objects: objects.head("data", "a"),
    "ListObjectsV2": lambda objects: objects.delete_prefix("a/"),
    "ListObjectsV2, to read": lambda objects: objects.list_objects("data", "a/", 10),
    "PutObject, of an upload": lambda objects: objects.put_upload("a", b"x"),
    "ListObjectVersions": lambda objects: objects.delete_upload("a"),
}
FAILURES: Mapping[str, Exception | Answer] = {
    "slow down": error("SlowDown", status=503),
    "server error": error("InternalError", status=500),
    "no access to our own bucket": error("AccessDenied", status=403),
    "no connection": EndpointConnectionError(endpoint_url="https://s3"),
    "read timeout": ReadTimeoutError(endpoint_url="https://s3"),
}


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def failing_s3(operation: str, answer: Exception | Answer) -> S3Objects:
    made, _ = failing("s3", operation, answer)
    return S3Objects(lambda: made, data_bucket="data", uploads_bucket="uploads")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("failure", FAILURES)
def test_whatever_keeps_our_buckets_from_answering_is_transient(operation: str, failure: str) -> None:
    objects = failing_s3(operation.partition(",")[0], FAILURES[failure])

    with pytest.raises(TransientError):
        OPERATIONS[operation](objects)


@pytest.mark.parametrize("code", ["403", "AccessDenied"])
def test_no_access_to_another_bucket_is_the_documents_fault(code: str) -> None:
    objects = failing_s3("HeadObject", error(code, status=403))

    with pytest.raises(DocumentError) as raised:
        objects.head("elsewhere", "a")
    assert raised.value.code == "source_forbidden"


def test_no_access_to_another_buckets_list_is_the_sources_fault() -> None:
    objects = failing_s3("ListObjectsV2", error("AccessDenied", status=403))

    with pytest.raises(DocumentError) as raised:
        objects.list_objects("elsewhere", "a", 1)
    assert raised.value.code == "source_forbidden"


def test_no_access_to_another_buckets_content_is_the_documents_fault(tmp_path: Path) -> None:
    objects = failing_s3("GetObject", error("AccessDenied", status=403))

    with pytest.raises(DocumentError) as raised:
        objects.download(ObjectRef("elsewhere", "a"), tmp_path / "file")
    assert raised.value.code == "source_forbidden"


def test_objects_that_stay_after_a_deletion_make_it_transient(aws: Aws) -> None:
    made, _ = failing("s3", "DeleteObjects", (200, {"Errors": [{"Key": "kept/a", "Code": "InternalError"}]}))
    aws.s3.put_object(Bucket=aws.data_bucket, Key="kept/a", Body=b"x")
    objects = S3Objects(lambda: made, data_bucket=aws.data_bucket, uploads_bucket=aws.uploads_bucket)

    with pytest.raises(TransientError):
        objects.delete_prefix("kept/")
