"""The object store on S3: our data bucket, the users' uploads bucket, and other buckets where they are allowed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from forebay.domain.document import ObjectRef
from forebay.domain.errors import DocumentError, TransientError
from forebay.domain.ports import PresignedPost

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MISSING: Final = frozenset(
    {"404", "NoSuchKey", "NotFound", "NoSuchVersion", "NoSuchBucket", "405", "MethodNotAllowed"}
)
_DENIED: Final = frozenset({"403", "AccessDenied", "Forbidden"})
_CHANGED: Final = frozenset({"412", "PreconditionFailed"})
_PART_BYTES: Final = 1 << 20


class S3Objects:
    """ObjectStore on S3."""

    def __init__(self, client: "Callable[[], S3Client]", *, data_bucket: str, uploads_bucket: str) -> None:
        self._client = client
        self.data_bucket = data_bucket
        self.uploads_bucket = uploads_bucket

    @contextmanager
    def _translated(self, bucket: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in _DENIED and bucket not in (self.data_bucket, self.uploads_bucket):
                raise DocumentError("source_forbidden", f"access to bucket {bucket} is denied") from error
            raise TransientError(f"the object store failed: {code}") from error
        except BotoCoreError as error:
            raise TransientError(f"the object store failed: {type(error).__name__}") from error

    def put(self, key: str, content: bytes) -> ObjectRef:
        """See ObjectStore."""
        with self._translated(self.data_bucket):
            answer = self._client().put_object(Bucket=self.data_bucket, Key=key, Body=content)
        return ObjectRef(self.data_bucket, key, "", answer["ETag"].strip('"'), len(content))

    def put_file(self, key: str, content: Path, metadata: Mapping[str, str]) -> ObjectRef:
        """See ObjectStore."""
        with self._translated(self.data_bucket), content.open("rb") as file:
            answer = self._client().put_object(Bucket=self.data_bucket, Key=key, Body=file, Metadata=dict(metadata))
        return ObjectRef(self.data_bucket, key, "", answer["ETag"].strip('"'), content.stat().st_size, metadata)

    def get(self, key: str) -> bytes | None:
        """See ObjectStore."""
        with self._translated(self.data_bucket):
            try:
                return self._client().get_object(Bucket=self.data_bucket, Key=key)["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise

    def read(self, ref: ObjectRef, start: int, size_bytes: int) -> bytes | None:
        """See ObjectStore."""
        request = self._version(ref) | {"Range": f"bytes={start}-{start + size_bytes - 1}"}
        with self._translated(ref.bucket):
            try:
                return self._client().get_object(**request)["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING | _CHANGED:
                    return None
                raise

    @staticmethod
    def _version(ref: ObjectRef) -> Any:
        which = {"VersionId": ref.version} if ref.version else {"IfMatch": f'"{ref.etag}"'} if ref.etag else {}
        return {"Bucket": ref.bucket, "Key": ref.key} | which

    def head(self, bucket: str, key: str) -> ObjectRef | None:
        """See ObjectStore."""
        with self._translated(bucket):
            try:
                answer = self._client().head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    return None
                raise
        version = answer.get("VersionId", "")
        return ObjectRef(
            bucket=bucket,
            key=key,
            version="" if version == "null" else version,
            etag=answer["ETag"].strip('"'),
            size_bytes=answer["ContentLength"],
            metadata=answer.get("Metadata", {}),
        )

    def download(self, ref: ObjectRef, to: Path) -> bool:
        """See ObjectStore."""
        with self._translated(ref.bucket):
            try:
                body = self._client().get_object(**self._version(ref))["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING | _CHANGED:
                    return False
                raise
            with to.open("wb") as file:
                for part in body.iter_chunks(_PART_BYTES):
                    file.write(part)
        return True

    def list_objects(self, bucket: str, prefix: str, most: int) -> list[ObjectRef]:
        """See ObjectStore."""
        found: list[ObjectRef] = []
        with self._translated(bucket):
            try:
                for page in self._client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                    found += [
                        ObjectRef(bucket, each["Key"], etag=each["ETag"].strip('"'), size_bytes=each["Size"])
                        for each in page.get("Contents", [])
                    ]
                    if len(found) >= most:
                        break
            except ClientError as error:
                if error.response["Error"]["Code"] in _MISSING:
                    raise DocumentError("source_missing", f"there is no bucket {bucket}") from error
                raise
        return found[:most]

    def delete_prefix(self, prefix: str) -> None:
        """See ObjectStore."""
        with self._translated(self.data_bucket):
            pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.data_bucket, Prefix=prefix)
            for page in pages:
                self._delete(self.data_bucket, [{"Key": found["Key"]} for found in page.get("Contents", [])])

    def put_upload(self, key: str, content: bytes) -> ObjectRef:
        """See ObjectStore."""
        with self._translated(self.uploads_bucket):
            answer = self._client().put_object(Bucket=self.uploads_bucket, Key=key, Body=content)
        etag = answer["ETag"].strip('"')
        return ObjectRef(self.uploads_bucket, key, answer.get("VersionId", ""), etag, len(content))

    def delete_upload(self, key: str) -> None:
        """See ObjectStore."""
        with self._translated(self.uploads_bucket):
            pages = (
                self._client().get_paginator("list_object_versions").paginate(Bucket=self.uploads_bucket, Prefix=key)
            )
            for page in pages:
                found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
                doomed = [{"Key": key, "VersionId": each["VersionId"]} for each in found if each["Key"] == key]
                self._delete(self.uploads_bucket, doomed)

    def _delete(self, bucket: str, objects: list[Any]) -> None:
        if not objects:
            return
        answer = self._client().delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        if answer.get("Errors"):
            raise TransientError(f"the object store kept {len(answer['Errors'])} objects that were to go")

    def presign_post(self, key: str, *, size_bytes: int, media_type: str, expires_seconds: int) -> PresignedPost:
        """See ObjectStore. A form can bind key, size and type; a presigned PUT could not bind the size."""
        with self._translated(self.uploads_bucket):
            form = self._client().generate_presigned_post(
                Bucket=self.uploads_bucket,
                Key=key,
                Fields={"Content-Type": media_type},
                Conditions=[{"Content-Type": media_type}, ["content-length-range", 1, size_bytes]],
                ExpiresIn=expires_seconds,
            )
        return PresignedPost(form["url"], form["fields"])
