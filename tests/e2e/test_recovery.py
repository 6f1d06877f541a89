"""A worker that is killed mid-way loses nothing and doubles nothing."""

import contextlib
import os
import signal

from tests.e2e.cloud import Cloud, eventually

SENTENCE = "Sluice number {0} of the river was opened on day {0} of the survey and its level was written down."
SENTENCES = 1200


def test_a_job_whose_workers_were_killed_is_done_again_once(cloud: Cloud) -> None:
    text = "\n\n".join(SENTENCE.format(number) for number in range(SENTENCES))
    job = cloud.ingest("killed", {"id": "sluices.txt", "source": {"type": "text", "text": text}})

    eventually(lambda: _stage(cloud, job["id"]) == "indexing", 30)
    killed = eventually(lambda: _kill(cloud, "EmbedFunction"), 20)
    unfinished = _stage(cloud, job["id"])
    ended = cloud.finished(job["id"], within_seconds=120)

    chunks = _chunks(cloud)
    assert (len(killed) > 0, unfinished) == (True, "indexing")
    assert (ended["status"], ended["counts"]["documents"]["ready"]) == ("succeeded", 1)
    assert len(chunks) == ended["counts"]["chunks"]["total"]
    assert [chunk["chunk"] for chunk in chunks] == list(range(len(chunks)))
    assert cloud.hits("killed", f"sluice number {SENTENCES - 1}")


def _stage(cloud: Cloud, job_id: str) -> str:
    rows = cloud.call("GET", f"/jobs/{job_id}/documents").json()["data"]
    return str(rows[0]["status"])


def _kill(cloud: Cloud, function: str) -> list[int]:
    """Kill the function's workers; returns whom."""
    pids = cloud.workers(function)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return pids


def _chunks(cloud: Cloud) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    more = ""
    while True:
        page = cloud.call("GET", f"/collections/killed/documents/sluices.txt/chunks?limit=100{more}").json()
        found += page["data"]
        if not page["next_cursor"]:
            return found
        more = f"&cursor={page['next_cursor']}"
