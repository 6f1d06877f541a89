"""Data sources and the files that they hold, while things go wrong."""

import json
from collections.abc import Callable

from forebay.domain.data_source import DataSource, NamedUploads, ObjectsBelow, data_source_of
from forebay.domain.document import Collection
from forebay.domain.job import Job, JobKind
from forebay.domain.requests import Hopeless, RequestUpload, SubmitJob
from forebay.domain.transitions import JobState
from forebay.service.data_sources import add_data_source, new_data_source, sync_data_source
from forebay.service.engine import Engine
from forebay.service.remove_collection import remove_collection
from forebay.service.uploads import remove_upload, store_upload
from tests.simulation.scenario import ONE, TWO, Scenario
from tests.simulation.users import is_gone, jobs, shows, words
from tests.simulation.world import COLLECTION, TENANT, World

_SHELF = f"files/{TENANT}/shelf/"


# -- users -----------------------------------------------------------------------------------------------------------


def store_file(world: World, text: str) -> str:
    """A client sends a file with its request; the id of the upload, empty when there was no answer."""
    request = RequestUpload(TENANT, Collection(""), "a.txt", len(text), start=False)
    stored = world.ask(lambda engine: store_upload(engine, request, text.encode()))
    return stored.upload_id if stored is not None else ""


def remove_file(world: World, upload_id: str) -> None:
    """A client deletes a file."""
    world.ask(lambda engine: remove_upload(engine, TENANT, upload_id))


def add_source(world: World, holds: NamedUploads | ObjectsBelow) -> None:
    """A client adds a data source; whoever has no answer adds another one."""

    def add(engine: Engine) -> None:
        source = new_data_source(engine, TENANT, COLLECTION, "shelf", holds)
        add_data_source(engine, source, _request(source))

    world.ask(add)


def add_shelf(world: World) -> None:
    """A client adds a data source of the files on the shelf."""
    add_source(world, ObjectsBelow(world.engine.objects.uploads_bucket, _SHELF))


def sync(world: World) -> None:
    """A client syncs the oldest data source, if there is one."""
    if there := sources(world):
        world.ask(lambda engine: sync_data_source(engine, there[0], _request(there[0])))


def put_on_shelf(world: World, name: str, text: str) -> None:
    """A user puts a file on the shelf, which starts nothing."""
    world.user_puts(f"{_SHELF}{name}", text.encode())
    world.object_event(f"{_SHELF}{name}")


def _request(source: DataSource) -> SubmitJob:
    memo = json.dumps({"data_source_id": source.id})
    return SubmitJob(
        TENANT, COLLECTION, (), kind=JobKind.SYNC, hopeless=Hopeless.FAILED, listed_in="syncs", memo=memo
    )  # fmt: skip


# -- what came of it -------------------------------------------------------------------------------------------------


def sources(world: World) -> list[DataSource]:
    """All data sources, oldest first."""
    found = [data_source_of(record) for key, record in world.records().items() if key.pk.split("#")[2:3] == ["S"]]
    return sorted(found, key=lambda source: source.id)


def on_shelf(world: World, name: str) -> str:
    """The id of the document that comes from this file."""
    return f"s3://{world.engine.objects.uploads_bucket}/{_SHELF}{name}"


def _syncs(world: World) -> list[Job]:
    return [job for job in jobs(world) if job.kind is JobKind.SYNC]


def each_with_its_job(world: World) -> list[str]:
    """Every data source has a job that it began with, and no job is of a data source that never was."""
    began = {json.loads(job.memo)["data_source_id"] for job in _syncs(world)}
    return [] if began == {source.id for source in sources(world)} else [f"{began} are not {sources(world)}"]


def _all_succeeded(world: World) -> list[str]:
    return [f"{job.id} is {job.state}" for job in _syncs(world) if job.state is not JobState.SUCCEEDED]


# -- scenarios -------------------------------------------------------------------------------------------------------


def _add_files(world: World) -> None:
    there = store_file(world, ONE)
    add_source(world, NamedUploads((there or "up_lost", "up_never")))


def _add_files_ok(world: World) -> list[str]:
    found = each_with_its_job(world)
    for id_ in _named(world):
        found += [] if id_.startswith("up_never") else shows(world, id_, ONE)
    return found


def _named(world: World) -> list[str]:
    return [id_ for source in sources(world) if isinstance(source.holds, NamedUploads) for id_ in source.holds.ids]


def _file_removed(world: World) -> None:
    there = store_file(world, ONE)
    add_source(world, NamedUploads((there,)))
    world.come_to_rest()
    remove_file(world, there)
    sync(world)


def _file_removed_ok(world: World) -> list[str]:
    return _add_files_ok(world) + _all_succeeded(world)


def _add_objects(deliveries: int) -> Callable[[World], None]:
    def play(world: World) -> None:
        put_on_shelf(world, "a", ONE)
        put_on_shelf(world, "b", ONE)
        add_shelf(world)
        world.deliver_some(deliveries)
        sync(world)

    return play


def _add_objects_ok(world: World) -> list[str]:
    found = [wrong for name in "ab" for wrong in shows(world, on_shelf(world, name), ONE)]
    return found + each_with_its_job(world) + _all_succeeded(world) + _taken_once(world, 2)


def _taken_once(world: World, documents: int) -> list[str]:
    taken = sum(job.total for job in _syncs(world))
    return [] if taken == documents else [f"{taken} documents were taken, not {documents}"]


def _sync_changes(world: World) -> None:
    _add_objects(20)(world)
    world.come_to_rest()
    put_on_shelf(world, "b", TWO)
    put_on_shelf(world, "c", TWO)
    sync(world)


def _sync_changes_ok(world: World) -> list[str]:
    found = shows(world, on_shelf(world, "a"), ONE)
    found += [wrong for name in "bc" for wrong in shows(world, on_shelf(world, name), TWO)]
    return found + each_with_its_job(world) + _all_succeeded(world) + _taken_once(world, 4)


def _collection_removed(world: World) -> None:
    _add_objects(2)(world)
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def _collection_removed_ok(world: World) -> list[str]:
    gone = [wrong for name in "ab" for wrong in is_gone(world, on_shelf(world, name))]
    return gone + [f"{source.id} is left" for source in sources(world)]


def _add_many(world: World) -> None:
    for number in range(26):
        put_on_shelf(world, f"{number}", words(f"d{number}"))
    add_shelf(world)


def _add_many_ok(world: World) -> list[str]:
    found = [e for n in range(26) for e in shows(world, on_shelf(world, f"{n}"), words(f"d{n}"))]
    return found + each_with_its_job(world)


EVERY: tuple[Scenario, ...] = (
    Scenario("add_files", _add_files, _add_files_ok),
    Scenario("sync_without_its_file", _file_removed, _file_removed_ok),
    Scenario("add_objects", _add_objects(2), _add_objects_ok),
    Scenario("sync_changes", _sync_changes, _sync_changes_ok),
    Scenario("remove_collection_with_source", _collection_removed, _collection_removed_ok),
    Scenario("add_many_objects", _add_many, _add_many_ok, big=True),
)
