"""What every `ObjectStore` must do. A subclass gives the `subject`; each test keeps to keys of its own (`here`)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from forebay.domain.document import ObjectRef
from forebay.domain.ports import ObjectStore


@dataclass(frozen=True)
class Subject:
    """A store, and what its users do: put a file into the uploads bucket (bytes, user metadata), take one out."""

    objects: ObjectStore
    user_puts: Callable[[str, bytes, Mapping[str, str]], None]
    user_deletes: Callable[[str], None]

    def uploaded(self, key: str, content: bytes = b"scan") -> ObjectRef:
        """What `head` says of a file that a user just put there."""
        self.user_puts(key, content, {})
        found = self.objects.head(self.objects.uploads_bucket, key)
        assert found is not None
        return found


class ObjectStoreSuite:
    """The contract; every promise of the port's docstring."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    @pytest.fixture
    def here(self) -> str:
        """A key prefix that only this test uses."""
        return f"runs/{uuid4().hex}/"

    # -- the data bucket ------------------------------------------------------------------------------------------

    def test_an_object_comes_back_as_it_was_put(self, subject: Subject, here: str) -> None:
        content = bytes(range(256)) * 10

        ref = subject.objects.put(here + "a", content)

        assert subject.objects.get(here + "a") == content
        assert (ref.bucket, ref.key, ref.size_bytes) == (subject.objects.data_bucket, here + "a", 2_560)

    def test_a_file_comes_back_with_its_metadata_and_the_last_one_counts(
        self, subject: Subject, here: str, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_bytes(b"turbine" * 100_000)
        subject.objects.put(here + "a", b"before")

        put = subject.objects.put_file(here + "a", tmp_path / "file", {"told": '{"type": "text/plain"}'})
        found = subject.objects.head(subject.objects.data_bucket, here + "a")

        assert subject.objects.get(here + "a") == b"turbine" * 100_000
        assert found is not None
        assert (found.etag, found.size_bytes, found.key) == (put.etag, 700_000, here + "a")
        assert dict(found.metadata) == {"told": '{"type": "text/plain"}'}

    def test_an_empty_file_is_there(self, subject: Subject, here: str, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        subject.objects.put_file(here + "empty", tmp_path / "file", {})

        assert subject.objects.get(here + "empty") == b""

    def test_an_empty_object_is_there(self, subject: Subject, here: str) -> None:
        subject.objects.put(here + "empty", b"")

        assert subject.objects.get(here + "empty") == b""

    def test_there_is_no_object_where_none_was_put(self, subject: Subject, here: str) -> None:
        assert subject.objects.get(here + "none") is None
        assert subject.objects.head(subject.objects.data_bucket, here + "none") is None

    def test_putting_again_replaces_the_object(self, subject: Subject, here: str) -> None:
        subject.objects.put(here + "a", b"old and long")
        subject.objects.put(here + "a", b"new")

        assert subject.objects.get(here + "a") == b"new"

    def test_a_prefix_is_deleted_with_all_below_it_and_nothing_else(self, subject: Subject, here: str) -> None:
        for key in ("run_1/0", "run_1/1", "run_1", "run_10/0", "run_2/0"):
            subject.objects.put(here + key, b"x")

        subject.objects.delete_prefix(here + "run_1/")

        left = [
            key for key in ("run_1/0", "run_1/1", "run_1", "run_10/0", "run_2/0") if subject.objects.get(here + key)
        ]
        assert left == ["run_1", "run_10/0", "run_2/0"]

    def test_deleting_an_empty_prefix_does_not_matter(self, subject: Subject, here: str) -> None:
        subject.objects.delete_prefix(here)

        assert subject.objects.get(here) is None

    # -- listing --------------------------------------------------------------------------------------------------

    def test_a_list_has_the_current_objects_below_the_prefix_in_order(self, subject: Subject, here: str) -> None:
        for key in ("b", "a/2", "a/1 ü", "a"):
            subject.uploaded(here + key)
        newest = subject.uploaded(here + "a/2", b"new and longer")
        subject.uploaded(here + "a/3")
        subject.user_deletes(here + "a/3")

        found = subject.objects.list_objects(subject.objects.uploads_bucket, here + "a/", 10)

        assert [ref.key for ref in found] == [here + "a/1 ü", here + "a/2"]
        assert (found[1].bucket, found[1].etag, found[1].size_bytes) == (newest.bucket, newest.etag, 14)

    def test_a_list_has_no_more_than_asked_for(self, subject: Subject, here: str) -> None:
        for number in range(4):
            subject.objects.put(f"{here}{number}", b"x")

        found = subject.objects.list_objects(subject.objects.data_bucket, here, 3)

        assert [ref.key for ref in found] == [f"{here}{number}" for number in range(3)]

    def test_a_list_of_a_prefix_without_objects_is_empty(self, subject: Subject, here: str) -> None:
        assert subject.objects.list_objects(subject.objects.data_bucket, here, 10) == []

    # -- reading --------------------------------------------------------------------------------------------------

    def test_reading_gives_the_bytes_from_there_on_and_no_more_than_there_are(
        self, subject: Subject, here: str
    ) -> None:
        ref = subject.objects.put(here + "a", b"0123456789")

        assert subject.objects.read(ref, 0, 4) == b"0123"
        assert subject.objects.read(ref, 4, 1) == b"4"
        assert subject.objects.read(ref, 8, 100) == b"89"

    def test_reading_gives_the_very_version_that_was_seen(self, subject: Subject, here: str) -> None:
        seen = subject.uploaded(here + "a", b"first")
        subject.user_puts(here + "a", b"second", {})

        assert subject.objects.read(seen, 1, 3) == b"irs"

    def test_nothing_is_read_of_what_is_gone_or_was_replaced(self, subject: Subject, here: str) -> None:
        replaced = subject.objects.put(here + "a", b"old")
        subject.objects.put(here + "a", b"new")
        gone = subject.objects.put(here + "b", b"old")
        subject.objects.delete_prefix(here + "b")

        assert subject.objects.read(replaced, 0, 3) is None
        assert subject.objects.read(gone, 0, 3) is None

    # -- downloading ----------------------------------------------------------------------------------------------

    def test_a_download_writes_the_object_into_the_file(self, subject: Subject, here: str, tmp_path: Path) -> None:
        ref = subject.objects.put(here + "a", b"content" * 1_000)

        assert subject.objects.download(ref, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"content" * 1_000

    def test_a_download_gives_the_very_version_that_was_seen(self, subject: Subject, here: str, tmp_path: Path) -> None:
        seen = subject.uploaded(here + "a", b"first")
        subject.user_puts(here + "a", b"second", {})

        assert subject.objects.download(seen, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"first"

    def test_an_unversioned_object_that_was_replaced_is_gone(self, subject: Subject, here: str, tmp_path: Path) -> None:
        seen = subject.objects.put(here + "a", b"first")
        subject.objects.put(here + "a", b"second")

        assert not subject.objects.download(seen, tmp_path / "file")

    def test_what_is_gone_cannot_be_downloaded(self, subject: Subject, here: str, tmp_path: Path) -> None:
        ours = subject.objects.put(here + "a", b"x")
        theirs = subject.uploaded(here + "b")
        subject.objects.delete_prefix(here)
        subject.objects.delete_upload(here + "b")

        assert not subject.objects.download(ours, tmp_path / "file")
        assert not subject.objects.download(theirs, tmp_path / "file")

    # -- the uploads bucket ---------------------------------------------------------------------------------------

    @pytest.mark.parametrize("name", ["a.pdf", "über uns/100% + ü&more.pdf", "𝄞/☃.txt"])
    def test_an_upload_is_seen_with_size_version_and_user_metadata(
        self, subject: Subject, here: str, name: str
    ) -> None:
        subject.user_puts(here + name, b"scan", {"author": "Ada"})

        found = subject.objects.head(subject.objects.uploads_bucket, here + name)

        assert found is not None
        assert (found.bucket, found.key) == (subject.objects.uploads_bucket, here + name)
        assert (found.size_bytes, dict(found.metadata)) == (4, {"author": "Ada"})
        assert found.version
        assert found.etag

    def test_each_put_of_a_user_is_a_new_version(self, subject: Subject, here: str) -> None:
        first = subject.uploaded(here + "a", b"same")
        second = subject.uploaded(here + "a", b"same")

        assert first.version != second.version
        assert first.etag == second.etag

    def test_a_file_that_its_user_deleted_is_not_seen(self, subject: Subject, here: str) -> None:
        subject.uploaded(here + "a")

        subject.user_deletes(here + "a")

        assert subject.objects.head(subject.objects.uploads_bucket, here + "a") is None

    def test_an_upload_is_deleted_with_all_of_its_versions_and_no_other(
        self, subject: Subject, here: str, tmp_path: Path
    ) -> None:
        versions = [subject.uploaded(here + "a", content) for content in (b"1", b"2")]
        subject.uploaded(here + "ab")

        subject.objects.delete_upload(here + "a")

        assert subject.objects.head(subject.objects.uploads_bucket, here + "a") is None
        assert not any(subject.objects.download(version, tmp_path / "file") for version in versions)
        assert subject.objects.head(subject.objects.uploads_bucket, here + "ab") is not None

    def test_deleting_an_upload_that_is_not_there_does_not_matter(self, subject: Subject, here: str) -> None:
        subject.objects.delete_upload(here + "none")

        assert subject.objects.head(subject.objects.uploads_bucket, here + "none") is None

    def test_an_upload_that_is_put_is_seen_in_that_very_version(self, subject: Subject, here: str) -> None:
        ref = subject.objects.put_upload(here + "a", b"scan")

        assert subject.objects.head(subject.objects.uploads_bucket, here + "a") == ref
        assert ref.version

    def test_an_upload_that_is_put_again_is_another_version(self, subject: Subject, here: str, tmp_path: Path) -> None:
        first = subject.objects.put_upload(here + "a", b"first")
        second = subject.objects.put_upload(here + "a", b"second")

        assert subject.objects.head(subject.objects.uploads_bucket, here + "a") == second
        assert subject.objects.download(first, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"first"

    def test_a_form_names_where_to_post_and_binds_the_key(self, subject: Subject, here: str) -> None:
        form = subject.objects.presign_post(here + "a", size_bytes=10, media_type="text/plain", expires_seconds=60)

        assert form.url
        assert form.fields["key"] == here + "a"
        assert form.fields["Content-Type"] == "text/plain"
