"""What is over goes by itself; what stands, stays: nothing is kept for ever that nobody can ask for."""

from forebay.domain.requests import Address
from forebay.service.remove import remove_document
from forebay.service.uploads import request_upload
from tests.builders import COLLECTION, TENANT, a_request_upload
from tests.unit.service.scene import Scene


def test_all_that_is_over_expires_and_nothing_else(scene: Scene) -> None:
    began = scene.engine.now()
    scene.ingest("turbine manual", "kept")
    scene.ingest("turbine manual", "deleted")
    remove_document(scene.engine, Address(TENANT, COLLECTION, "deleted"))
    request_upload(scene.engine, a_request_upload())
    scene.driver.sweep_until_rest()

    days: dict[str, set[int | None]] = {}
    for key, record in scene.records.records.items():
        kind = f"{key.pk.partition('#')[0]} {key.sk.partition('#')[0]} {record.get('state', '')}".strip()
        expires = record.get("ttl")
        left = round((expires - began.timestamp()) / 86_400) if isinstance(expires, int) else None
        days.setdefault(kind, set()).add(left)
        assert "due_at" not in record
    assert days == {
        "JOB META succeeded": {30},
        "JOB META failed": {30},
        "JOB COUNT": {37},  # longer than the job, which cannot be read without them
        "JOB R ready": {37},
        "JOB R failed": {37},
        "JOB E": {30},
        "UPLOAD UPLOAD ended": {31},
        "T D deleted": {15},
        "T D ready": {None},
        "T COL": {None},
        "T COUNT": {None},
    }
