"""Start a local stack as a user does, and look into it; used by the fixtures and tests of this folder."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import boto3
import requests

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.bootstrap.core import engine_of
from forebay.service.engine import Engine, Policy
from local.processes import descendants, environment_of

ROOT: Final = Path(__file__).resolve().parents[2]
CLOUD_PYTHON: Final = ROOT / ".forebay/venv/cloud/bin/python"
READY: Final = "Forebay is ready: "
START_SECONDS: Final = 60
TERMINAL: Final = frozenset({"succeeded", "partially_succeeded", "failed", "canceled"})

Value = TypeVar("Value")


class Serve:
    """A running `python -m local serve` in a process group of its own, as under a shell."""

    def __init__(self, port: int, environment: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.run = ROOT / ".forebay/run" / str(port)
        self._process = subprocess.Popen(
            [str(CLOUD_PYTHON), "-m", "local", "serve", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process id, which is also that of its process group."""
        return self._process.pid

    def first_line(self) -> str:
        """The first line on stdout, or "" when it ends or says nothing in time."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_SECONDS)
        return self._process.stdout.readline().rstrip("\n") if ready else ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process group, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def ended(self, within_seconds: float) -> tuple[int, str, str]:
        """Wait for its end: (exit code, rest of stdout, stderr). Raises TimeoutExpired."""
        stdout, stderr = self._process.communicate(timeout=within_seconds)
        return self._process.returncode, stdout, stderr

    def stop(self) -> None:
        """End it in any state."""
        self.signal(signal.SIGTERM)
        try:
            self.ended(15)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.ended(15)


@dataclass(frozen=True, slots=True)
class CloudEndpoint:
    """Where AWS clients of the emulator's administrator connect."""

    url: str
    credentials: Mapping[str, str]  # aws_access_key_id, aws_secret_access_key, region_name

    def client(self, service: str, **other: str) -> Any:
        """A boto3 client; `other` replaces credentials."""
        make: Any = boto3.client
        return make(service, endpoint_url=self.url, **{**self.credentials, **other})


@dataclass(frozen=True, slots=True)
class Cloud:
    """A stack that is up."""

    url: str
    endpoint: CloudEndpoint
    resources: Mapping[str, str]  # logical id -> physical id
    parts: Mapping[str, int]  # `emulator`, `index-server` -> process id

    def call(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        """A request below the native API's base path."""
        url = f"{self.url}/forebay/v1{path}"
        return requests.request(method, url, json=body, headers=headers, timeout=40)

    def ingest(self, collection: str, *documents: Mapping[str, Any]) -> dict[str, Any]:
        """Start a job; the Job as accepted."""
        answer = self.call("POST", "/jobs", {"collection": collection, "documents": documents})
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def finished(self, job_id: str, within_seconds: float = 60) -> dict[str, Any]:
        """The Job once it has ended."""

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = self.call("GET", f"/jobs/{job_id}").json()
            return job if job["status"] in TERMINAL else None

        return eventually(ended, within_seconds)

    def hits(self, collection: str, query: str) -> list[dict[str, Any]]:
        """What a search finds."""
        answer = self.call("POST", "/search", {"collection": collection, "query": query})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    def engine(self) -> Engine:
        """An operator's engine: the records only."""
        records = DynamoDBRecords(lambda: self.endpoint.client("dynamodb"), self.resources["Table"], time.sleep)
        return engine_of({"records": records}, Policy())

    def put_upload(self, key: str, content: bytes) -> None:
        """Put an object into the uploads bucket, as a user who may."""
        self.endpoint.client("s3").put_object(Bucket=self.resources["UploadsBucket"], Key=key, Body=content)

    def workers(self, function: str) -> list[int]:
        """Process ids of a function's workers, by its logical id."""
        name = self.resources[function]
        below = descendants(self.parts["emulator"])
        return [pid for pid in below if environment_of(pid).get("AWS_LAMBDA_FUNCTION_NAME") == name]

    def client_of(self, function: str, service: str) -> Any:
        """A boto3 client with the credentials of the function's role, taken from one of its workers."""
        environment = environment_of(self.workers(function)[0])
        return self.endpoint.client(
            service,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment["AWS_SESSION_TOKEN"],
        )


def describe(serve: Serve) -> Cloud:
    """Read what `serve` leaves in its run folder."""
    known = json.loads((serve.run / "stack.json").read_text())
    endpoint = CloudEndpoint(known["endpoint"], known["credentials"])
    return Cloud(serve.url, endpoint, known["resources"], known["processes"])


def eventually(look: Callable[[], Value | None], within_seconds: float) -> Value:
    """What `look` returns once it is true; fails after the deadline."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if value := look():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {within_seconds} s")


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def processes_of(run: Path) -> Iterator[int]:
    """Every process on this machine that knows the run's folder: by arguments, environment or open files."""
    needle = str(run).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle in (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes():
                    yield int(entry.name)


def pdf(*pages: str) -> bytes:
    """A PDF of Helvetica (PDF 1.4, ISO 32000-1 §7.5); the lines of a page are separated by newlines."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        lines = "".join(f"({line}) Tj T* " for line in text.split("\n"))
        content = f"BT /F1 10 Tf 14 TL 40 760 Td {lines}ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    return _file_of(objects)


def _file_of(objects: Sequence[str]) -> bytes:
    body, offsets = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode()
