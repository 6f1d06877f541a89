"""A document's life as the README tells it: ingest, search, replace, delete."""

import base64

import requests

from tests.e2e.cloud import Cloud, eventually, pdf

HERONS = "The grey heron waits without moving beside the weir until a fish comes near."
TURBINES = "A Kaplan turbine turns its blades to keep efficiency at a low head of water."
PAYROLL = "Payroll is settled on the last Friday of each month by the finance office."
# Longer than a chunk, so that no chunk has more than the end of one page and the beginning of the next.
FILLER = [f"Gauge number {number} stands at a quiet bend and is read by the warden each week." for number in range(20)]


def a_page(sentence: str) -> str:
    return "\n".join([*FILLER, sentence, *FILLER])


def a_pdf(*pages: str) -> dict[str, object]:
    data = base64.b64encode(pdf(*pages)).decode()
    return {"id": "birds.pdf", "name": "birds.pdf", "source": {"type": "base64", "data": data}}


def test_a_document_is_found_with_its_page_then_replaced_then_gone(cloud: Cloud) -> None:
    pages = [a_page(sentence) for sentence in ("An introduction to rivers.", TURBINES, HERONS)]
    job = cloud.finished(cloud.ingest("life", a_pdf(*pages))["id"])
    first = cloud.hits("life", "which bird waits for fish at the weir?")

    cloud.finished(cloud.ingest("life", a_pdf(PAYROLL))["id"])
    replaced = cloud.hits("life", "which bird waits for fish at the weir?")

    deletion = cloud.call("DELETE", "/collections/life/documents/birds.pdf")
    deleted = cloud.finished(deletion.json()["id"])
    left = cloud.hits("life", "payroll finance office")

    assert (job["status"], deleted["status"]) == ("succeeded", "succeeded")
    assert (first[0]["document_id"], first[0]["page_first"], first[0]["page_last"]) == ("birds.pdf", 3, 3)
    assert HERONS in first[0]["text"].replace("\n", " ")
    assert [hit["text"] for hit in replaced] == [PAYROLL]
    assert left == []
    assert cloud.call("GET", "/collections/life/documents/birds.pdf").status_code == 404


def test_a_bad_document_fails_with_code_and_hint_and_the_other_becomes_ready(cloud: Cloud) -> None:
    broken = {"id": "broken.pdf", "source": {"type": "base64", "data": base64.b64encode(b"%PDF-1.4 no more").decode()}}
    good = {"id": "good.txt", "source": {"type": "text", "text": TURBINES}}

    job = cloud.finished(cloud.ingest("mixed", broken, good)["id"])

    rows = {row["id"]: row for row in cloud.call("GET", f"/jobs/{job['id']}/documents").json()["data"]}
    assert job["status"] == "partially_succeeded"
    assert (rows["good.txt"]["status"], rows["broken.pdf"]["status"]) == ("ready", "failed")
    assert rows["broken.pdf"]["error"]["code"]
    assert rows["broken.pdf"]["error"]["hint"]


def test_a_file_put_into_the_inbox_is_ingested(cloud: Cloud) -> None:
    storage = cloud.endpoint.client("s3")
    names = [bucket["Name"] for bucket in storage.list_buckets()["Buckets"]]
    bucket = next(name for name in cloud.resources.values() if name in names and _takes_uploads(storage, name))

    storage.put_object(
        Bucket=bucket, Key="inbox/local/river/notes/a b.txt", Body=HERONS.encode(), Metadata={"by": "me"}
    )

    hit = eventually(lambda: cloud.hits("river", "heron beside the weir"), 40)[0]
    assert (hit["document_id"], hit["metadata"]) == ("notes/a b.txt", {"by": "me"})


def _takes_uploads(storage: object, bucket: str) -> bool:
    notifications = storage.get_bucket_notification_configuration(Bucket=bucket)  # type: ignore[attr-defined]
    return "EventBridgeConfiguration" in notifications


def test_an_upload_starts_its_own_job(cloud: Cloud) -> None:
    content = TURBINES.encode()
    asked = {"collection": "posted", "name": "turbines.txt", "size_bytes": len(content)}

    upload = cloud.call("POST", "/uploads", asked).json()
    posted = requests.post(upload["url"], data=upload["fields"], files={"file": content}, timeout=10)
    job = cloud.finished(upload["job_id"])

    assert posted.status_code in {200, 201, 204}
    assert job["status"] == "succeeded"
    assert cloud.hits("posted", "Kaplan turbine")[0]["name"] == "turbines.txt"


def test_a_wrong_key_is_401(cloud: Cloud) -> None:
    assert cloud.call("GET", "/jobs", Authorization="Bearer fb_wrong_key").status_code == 401
