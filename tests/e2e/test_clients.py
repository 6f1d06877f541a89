"""The programs that the systems' documentations show work unchanged (`clients/`)."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import requests

from forebay.service.authenticate import create_key
from tests.e2e.cloud import Cloud, pdf
from tests.e2e.samples import CLIENTS, Samples

HERONS = "The grey heron waits without moving beside the weir until a fish comes near."
TURBINES = "A Kaplan turbine turns its blades to keep efficiency at a low head of water."


# -- Tensoras ----------------------------------------------------------------------------------------------------------


class Tensoras:
    """A user with a key of their own, a knowledge base and some files."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.key = create_key(cloud.engine(), "tensoras-clients", ["admin"])
        self._url = f"{cloud.url}/v1"
        self.kb: str = self._post("/knowledge-bases", json={"name": "Product documentation"})["id"]
        places = {"https://api.tensoras.ai": cloud.url, "tns_your_key_here": self.key, "kb_abc123": self.kb}
        self.samples = Samples("tensoras", folder, places)

    def upload(self, name: str, content: bytes) -> str:
        """A file's id."""
        return str(self._post("/files", files={"file": (name, content)}, data={"purpose": "knowledge-base"})["id"])

    def add(self, *file_ids: str) -> str:
        """Add a data source; the id of the job that this starts."""
        source = {"type": "file_upload", "name": "manuals", "config": {"file_ids": file_ids}}
        return str(self._post(f"/knowledge-bases/{self.kb}/data-sources", json=source)["ingestion_job_id"])

    def _post(self, path: str, **content: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = requests.post(self._url + path, headers=headers, timeout=40, **content)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def tensoras(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Tensoras:
    return Tensoras(cloud, tmp_path_factory.mktemp("tensoras"))


@pytest.fixture(scope="module")
def finished(tensoras: Tensoras) -> str:
    """The id of a job that has taken in two files."""
    files = [tensoras.upload("herons.pdf", pdf(HERONS)), tensoras.upload("turbines.txt", TURBINES.encode())]
    job = tensoras.add(*files)
    tensoras.samples.run("poll.py", {"job_abc123": job})
    return job


@pytest.mark.parametrize("program", ["poll.py", "poll.mjs"])
def test_tensoras_polls_a_job_until_it_is_complete(tensoras: Tensoras, program: str) -> None:
    job = tensoras.add(tensoras.upload(f"{program}.txt", TURBINES.encode()))

    lines = tensoras.samples.run(program, {"job_abc123": job}).splitlines()

    assert lines[-2:] == ["Status: completed | Docs: 1 | Chunks: 1", "Ingestion complete! 1 chunks indexed."]
    assert {line.split()[1] for line in lines[:-1]} <= {"queued", "processing", "completed"}


@pytest.mark.parametrize("program", ["list_jobs.py", "list_jobs.mjs"])
def test_tensoras_lists_jobs(tensoras: Tensoras, finished: str, program: str) -> None:
    assert f"{finished}: completed - 2 docs, 2 chunks" in tensoras.samples.run(program).splitlines()


@pytest.mark.parametrize("program", ["get_job.py", "get_job.mjs"])
def test_tensoras_shows_a_job_with_its_documents(tensoras: Tensoras, finished: str, program: str) -> None:
    assert tensoras.samples.run(program, {"job_abc123": finished}).splitlines() == [
        f"Job: {finished}",
        "Status: completed",
        "Documents processed: 2",
        "Documents failed: 0",
        "Chunks created: 2",
        "",
        "Document details:",
        "  [OK] herons.pdf: 1 chunks",
        "  [OK] turbines.txt: 1 chunks",
    ]


def test_tensoras_by_curl(tensoras: Tensoras, finished: str) -> None:
    jobs = tensoras.samples.asked("list_jobs.sh")
    job = tensoras.samples.asked("get_job.sh", {"job_abc123": finished})

    assert finished in [each["id"] for each in jobs["data"]]
    assert (job["status"], [each["status"] for each in job["document_details"]]) == ("completed", ["completed"] * 2)


def test_tensoras_lists_failed_jobs(tensoras: Tensoras) -> None:
    job = tensoras.add("file-that-is-not-there")
    tensoras.samples.run("poll.py", {"job_abc123": job})

    printed = tensoras.samples.run("failed_jobs.py")
    listed = tensoras.samples.asked("failed_jobs.sh")

    assert printed.startswith(f"{job}: {{'message': ")
    assert [(each["id"], each["status"]) for each in listed["data"]] == [(job, "failed")]


# -- PrivateGPT --------------------------------------------------------------------------------------------------------


def test_privategpt_ingests_a_file_and_deletes_it(cloud: Cloud, tmp_path: Path) -> None:
    samples = Samples("privategpt", tmp_path, {"http://localhost:8080": cloud.url})
    cloud.put_upload("files/local/path/to/large-document.pdf", pdf(HERONS))

    task = samples.asked("ingest_async.sh")["task_id"]
    ingested = samples.polled("ingest_status.sh", _is_done, {"task_01abc...": task})
    found = cloud.hits("my-collection", "which bird waits at the weir?")
    artifact = ingested["task_result"]["data"][0]["artifact"]
    deletion = samples.asked("delete_async.sh", {"<artifact-id>": artifact})["task_id"]
    deleted = samples.polled("delete_status.sh", _is_done, {"task_01xyz...": deletion})

    assert (ingested["task_id"], ingested["task_status"]) == (task, "SUCCESS")
    assert HERONS in found[0]["text"]
    assert deleted == {**deleted, "task_id": deletion, "task_status": "SUCCESS", "task_result": None}
    assert cloud.hits("my-collection", "which bird waits at the weir?") == []


def test_privategpt_deletes_with_a_callback(cloud: Cloud, tmp_path: Path) -> None:
    samples = Samples("privategpt", tmp_path, {"https://host.com": cloud.url, "http://localhost:8080": cloud.url})

    task = samples.asked("delete_with_callback.sh")["task_id"]

    assert samples.polled("delete_status.sh", _is_done, {"task_01xyz...": task})["task_status"] == "SUCCESS"


def _is_done(answer: Any) -> bool:
    return bool(answer["task_status"] != "PENDING")


# -- EmbeddingStudio ---------------------------------------------------------------------------------------------------


def test_embedding_studio_runs_a_task_and_runs_it_again(cloud: Cloud, tmp_path: Path) -> None:
    samples = Samples("embedding_studio", tmp_path, {"http://localhost:5000": cloud.url})
    shutil.copy(CLIENTS / "embedding_studio/task.json", tmp_path)

    asked = samples.asked("run.sh")
    done = samples.polled("info.sh", _has_ended, {})
    again = samples.asked("run.sh")
    listed = samples.asked("list.sh")
    categories = samples.asked("run_categories.sh")
    restarted = samples.asked("restart.sh")
    done_again = samples.polled("info.sh", _has_ended, {})

    assert asked == {**asked, "id": "task-123", "status": "pending", "failed_items": []}
    assert done == {**asked, "status": "done", "updated_at": done["updated_at"]}
    assert (again, done in listed) == (done, True)
    assert cloud.hits("embedding_studio", "neural networks")[0]["text"] == "deep learning paper"
    assert "exists already" in categories["detail"]
    assert (restarted["status"], done_again["status"], done_again["failed_items"]) == ("pending", "done", [])
    assert samples.asked("cancel.sh") == done_again


def _has_ended(task: Any) -> bool:
    return task["status"] not in {"pending", "processing"}


# -- NVIDIA ------------------------------------------------------------------------------------------------------------


def test_nvidia_uploads_files_and_waits(cloud: Cloud, tmp_path: Path) -> None:
    samples = Samples("nvidia", tmp_path, {"http://localhost:8082": cloud.url})
    names = [f"document{number}.pdf" for number in (1, 2, 3)]
    for name in names:
        (tmp_path / name).write_bytes(pdf(f"{HERONS}\n{name}"))

    samples.run("create_collection.sh")
    task = samples.asked("upload.sh")["task_id"]
    first = samples.asked("status.sh", {"TASK_ID": task})
    last = json.loads(samples.run("wait.py", {"TASK_ID": task}))

    assert (first["state"] in {"PENDING", "FINISHED"}, first["result"]["total_documents"]) == (True, 3)
    assert last["state"] == "FINISHED"
    assert (last["result"]["total_documents"], last["result"]["documents_completed"]) == (3, 3)
    assert sorted(each["document_name"] for each in last["result"]["documents"]) == names
    assert last["nv_ingest_status"] == {
        "extraction_completed": 3,
        "document_wise_status": dict.fromkeys(names, "completed"),
    }
