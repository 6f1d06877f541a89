"""A document's life as the README tells it: ingest, search, replace, delete."""

import base64
import json

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


def test_the_lines_of_a_manifest_are_documents_and_a_bad_one_says_which_it_is(cloud: Cloud) -> None:
    sources = [{"id": f"g{n}", "source": {"type": "text", "text": FILLER[n % 20]}} for n in range(130)]
    lines = [json.dumps(source) for source in sources]
    cloud.put_upload("files/local/list.ndjson", "\n".join([*lines, "{"]).encode())
    uri = f"s3://{cloud.resources['UploadsBucket']}/files/local/list.ndjson"

    asked = cloud.call("POST", "/jobs", {"collection": "listed", "manifest": {"type": "s3", "uri": uri}})
    job = cloud.finished(asked.json()["id"])

    (bad,) = cloud.call("GET", f"/jobs/{job['id']}/documents?status=failed").json()["data"]
    counts = job["counts"]["documents"]
    assert (counts["total"], counts["ready"] + counts["unchanged"]) == (131, 130)
    assert (bad["id"], bad["error"]["code"]) == ("manifest line 131", "invalid_line")


def test_a_bad_document_fails_with_code_and_hint_and_the_other_becomes_ready(cloud: Cloud) -> None:
    broken = {"id": "broken.pdf", "source": {"type": "base64", "data": base64.b64encode(b"%PDF-1.4 no more").decode()}}
    good = {"id": "good.txt", "source": {"type": "text", "text": TURBINES}}

    job = cloud.finished(cloud.ingest("mixed", broken, good)["id"])

    rows = {row["id"]: row for row in cloud.call("GET", f"/jobs/{job['id']}/documents").json()["data"]}
    assert job["status"] == "partially_succeeded"
    assert (rows["good.txt"]["status"], rows["broken.pdf"]["status"]) == ("ready", "failed")
    assert rows["broken.pdf"]["error"]["code"]
    assert rows["broken.pdf"]["error"]["hint"]


def test_files_put_into_the_inbox_are_ingested_whatever_they_are_called_and_go_with_their_files(cloud: Cloud) -> None:
    storage, bucket = cloud.endpoint.client("s3"), cloud.resources["UploadsBucket"]
    names = ["notes/a b.txt", "1+1=2.txt", "100%25 off.txt", "a%2Fb.txt", "über ☃.txt", "v1...", "n" * 255]

    for name in names:
        key = f"inbox/local/river/{name}"
        storage.put_object(Bucket=bucket, Key=key, Body=f"{HERONS} {name}".encode(), Metadata={"by": "me"})
    eventually(lambda: _ready(cloud, "river") == sorted(names), 60)
    hits = cloud.hits("river", "heron beside the weir")
    for name in names[1:]:
        storage.delete_object(Bucket=bucket, Key=f"inbox/local/river/{name}")

    assert {hit["document_id"]: hit["metadata"] for hit in hits} == {name: {"by": "me"} for name in names}
    eventually(lambda: _ready(cloud, "river") == names[:1], 60)


def _ready(cloud: Cloud, collection: str) -> list[str]:
    answer = cloud.call("GET", f"/collections/{collection}/documents?limit=100")
    listed = answer.json()["data"] if answer.status_code == 200 else []
    return sorted(document["id"] for document in listed if document["status"] == "ready")


def test_a_file_at_no_documents_path_is_a_failed_job(cloud: Cloud) -> None:
    cloud.put_upload("inbox/local/Lost & found.txt", HERONS.encode())

    def refused() -> list[str]:
        jobs = cloud.call("GET", "/jobs?status=failed&limit=100").json()["data"]
        return [job["error"]["message"] for job in jobs if job["error"] and job["error"]["code"] == "invalid_path"]

    (message,) = eventually(refused, 40)
    assert "inbox/local/Lost & found.txt" in message


def test_an_upload_starts_its_own_job(cloud: Cloud) -> None:
    content = TURBINES.encode()
    name = "100 % of 1+1 / über.txt"
    asked = {"collection": "posted", "name": name, "size_bytes": len(content)}

    upload = cloud.call("POST", "/uploads", asked).json()
    posted = requests.post(upload["url"], data=upload["fields"], files={"file": (name, content)}, timeout=10)
    job = cloud.finished(upload["job_id"])

    assert posted.status_code in {200, 201, 204}
    assert job["status"] == "succeeded"
    assert cloud.hits("posted", "Kaplan turbine")[0]["document_id"] == name


def test_a_wrong_key_is_401(cloud: Cloud) -> None:
    assert cloud.call("GET", "/jobs", Authorization="Bearer fb_wrong_key").status_code == 401
