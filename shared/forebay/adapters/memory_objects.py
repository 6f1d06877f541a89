"""The object store in memory: a fake that passes the port's conformance suite; for tests and trying things."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from forebay.adapters.memory import OnCall, quietly
from forebay.domain.document import ObjectRef
from forebay.domain.errors import DocumentError
from forebay.domain.ports import PresignedPost


@dataclass
class _Stored:
    content: bytes
    version: str
    metadata: Mapping[str, str]


def _etag(stored: _Stored) -> str:
    return hashlib.md5(stored.content, usedforsecurity=False).hexdigest()


class MemoryObjects:
    """The object store in two dicts; the uploads bucket keeps versions."""

    def __init__(self, on_call: OnCall = quietly) -> None:
        self._on_call = on_call
        self.data_bucket = "data"
        self.uploads_bucket = "uploads"
        self.buckets: dict[str, dict[str, list[_Stored]]] = {"data": {}, "uploads": {}}
        self._versions = 0

    def put_object(self, bucket: str, key: str, content: bytes, metadata: Mapping[str, str] | None = None) -> ObjectRef:
        """What a user does: put a file into the uploads bucket or one of their own."""
        self.buckets.setdefault(bucket, {})
        return self._store(bucket, key, content, metadata or {})

    def put(self, key: str, content: bytes) -> ObjectRef:
        """See ObjectStore."""
        with self._call("objects.put"):
            self.buckets["data"].pop(key, None)
            return self._store("data", key, content, {})

    def put_file(self, key: str, content: Path, metadata: Mapping[str, str]) -> ObjectRef:
        """See ObjectStore."""
        with self._call("objects.put_file"):
            self.buckets["data"].pop(key, None)
            return self._store("data", key, content.read_bytes(), metadata)

    def get(self, key: str) -> bytes | None:
        """See ObjectStore."""
        with self._call("objects.get"):
            found = self.buckets["data"].get(key)
            return found[-1].content if found else None

    def head(self, bucket: str, key: str) -> ObjectRef | None:
        """See ObjectStore."""
        with self._call("objects.head"):
            found = self._readable(bucket).get(key)
            return self._ref(bucket, key, found[-1]) if found else None

    def download(self, ref: ObjectRef, to: Path) -> bool:
        """See ObjectStore."""
        with self._call("objects.download"):
            content = self._version(ref)
            if content is not None:
                to.write_bytes(content)
            return content is not None

    def read(self, ref: ObjectRef, start: int, size_bytes: int) -> bytes | None:
        """See ObjectStore."""
        with self._call("objects.read"):
            content = self._version(ref)
            return None if content is None else content[start : start + size_bytes]

    def _version(self, ref: ObjectRef) -> bytes | None:
        for stored in reversed(self.buckets.get(ref.bucket, {}).get(ref.key, [])):
            if ref.version in ("", stored.version) and ref.etag in ("", _etag(stored)):
                return stored.content
        return None

    def list_objects(self, bucket: str, prefix: str, most: int) -> list[ObjectRef]:
        """See ObjectStore."""
        with self._call("objects.list_objects"):
            objects = self._readable(bucket)
            return [
                replace(self._ref(bucket, key, objects[key][-1]), version="", metadata={})
                for key in sorted(objects)
                if key.startswith(prefix)
            ][:most]

    def delete_prefix(self, prefix: str) -> None:
        """See ObjectStore."""
        listed = [key for key in self.buckets["data"] if key.startswith(prefix)]
        with self._call("objects.delete_prefix"):  # others may put objects between the list and the deletion
            for key in listed:
                self.buckets["data"].pop(key, None)

    def put_upload(self, key: str, content: bytes) -> ObjectRef:
        """See ObjectStore."""
        with self._call("objects.put_upload"):
            return self._store("uploads", key, content, {})

    def delete_upload(self, key: str) -> None:
        """See ObjectStore."""
        with self._call("objects.delete_upload"):
            self.buckets["uploads"].pop(key, None)

    def presign_post(self, key: str, *, size_bytes: int, media_type: str, expires_seconds: int) -> PresignedPost:
        """See ObjectStore."""
        fields = {"key": key, "Content-Type": media_type, "most": str(size_bytes), "expires": str(expires_seconds)}
        return PresignedPost("memory://uploads", fields)

    def _readable(self, bucket: str) -> Mapping[str, list[_Stored]]:
        if bucket not in self.buckets:
            raise DocumentError("source_forbidden", f"access to bucket {bucket} is denied")
        return self.buckets[bucket]

    @contextmanager
    def _call(self, name: str) -> Iterator[None]:
        self._on_call("before", name)
        yield
        self._on_call("after", name)

    def _store(self, bucket: str, key: str, content: bytes, metadata: Mapping[str, str]) -> ObjectRef:
        self._versions += 1
        stored = _Stored(content, f"v{self._versions}" if bucket == "uploads" else "", metadata)
        before = self.buckets[bucket].get(key, []) if bucket == "uploads" else []
        self.buckets[bucket][key] = [*before, stored]
        return self._ref(bucket, key, stored)

    @staticmethod
    def _ref(bucket: str, key: str, stored: _Stored) -> ObjectRef:
        return ObjectRef(bucket, key, stored.version, _etag(stored), len(stored.content), stored.metadata)
