"""A running local stack: emulator, index server, deployed template; used by `serve` and `demo`."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import urllib3

from local.deploy import ADMINISTRATOR, REGION, Deployed, deploy, run_scheduled
from local.localise import Places
from local.parameters import Wishes
from local.processes import Program, adopt_orphans, end_descendants, free_port, is_free, start

ROOT: Final = Path(__file__).resolve().parent.parent
START_SECONDS: Final = 90
STOP_GRACE_SECONDS: Final = 3.0
# In AWS the sweep runs each minute, the least that a schedule can be. Locally all times are short, so `watch`
# invokes the functions that have a schedule itself.
SWEEP_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 0.25


class StackError(Exception):
    """The stack cannot start or has lost a part; the message is for the person at the terminal."""


class PortInUse(StackError):
    """Another server has the port."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Folders and interpreters; the defaults are what the Makefile makes."""

    port: int
    build: Path = ROOT / ".forebay/build/local"
    worker_python: Path = ROOT / ".forebay/venv/worker/bin/python"
    samconfig: Path = ROOT / "samconfig.toml"
    runs: Path = ROOT / ".forebay/run"

    @property
    def run(self) -> Path:
        """The folder of this run, made anew at each start."""
        return self.runs / str(self.port)

    @property
    def places(self) -> Places:
        """The part of it that functions see."""
        run = self.run
        return Places(self.build, self.worker_python, run / "functions", run / "logs", run / "tmp")


@dataclass(slots=True)
class Stack:
    """Context manager: up and answering inside the `with`, no process left after it."""

    layout: Layout
    wishes: Wishes
    say: Callable[[str], None]  # one line of progress for a person
    endpoint: str = ""  # the emulator's address, for AWS clients
    deployed: Deployed | None = None
    _parts: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _next_sweep: float = 0.0
    _sweeping: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where Forebay answers."""
        return f"http://127.0.0.1:{self.layout.port}"

    @property
    def process_ids(self) -> dict[str, int]:
        """The parts by name."""
        return {name: process.pid for name, process in self._parts.items()}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End every process of the stack; idempotent. Signals are ignored meanwhile: ending must not be cut short."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end_descendants(STOP_GRACE_SECONDS)
        self._parts.clear()

    def check(self) -> None:
        """Raise StackError if a part has ended by itself."""
        for name, process in self._parts.items():
            if process.poll() is not None:
                log = self.layout.run / f"{name}.log"
                raise StackError(f"the {name} has ended (exit code {process.returncode}); see {_short(log)}")

    def watch(self) -> None:
        """To be called again and again while the stack is in use: checks the parts and runs what has a schedule."""
        self.check()
        if self.deployed and time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
            if self._sweeping is None or not self._sweeping.is_alive():  # sweeps do not overlap in AWS, either
                self._sweeping = threading.Thread(
                    target=run_scheduled, args=(self.endpoint, self.deployed), daemon=True
                )
                self._sweeping.start()

    def _start(self) -> None:
        self._refuse_what_cannot_work()
        adopt_orphans()
        shutil.rmtree(self.layout.run, ignore_errors=True)
        self.layout.run.mkdir(parents=True)
        emulator, index = free_port(), free_port()
        self.endpoint = f"http://127.0.0.1:{emulator}"
        index_url = f"http://127.0.0.1:{index}"
        self.say("starting the emulator and the index server")
        self._parts["emulator"] = start(self._emulator(emulator))
        self._parts["index-server"] = start(self._index_server(index))
        self._wait(f"{self.endpoint}/_ministack/health", "emulator")
        self._wait(index_url, "index-server")
        self.say("deploying template.yaml")
        self.deployed = deploy(self.endpoint, index_url, self.layout.places, self.layout.samconfig, self.wishes)
        self._describe()
        self._wait(f"{self.url}/health", "api function")
        self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def _refuse_what_cannot_work(self) -> None:
        if not is_free(self.layout.port):
            raise PortInUse(
                f"port {self.layout.port} is in use; choose another: make serve PORT={self.layout.port + 1}"
            )
        for needed in (self.layout.build / "template.yaml", self.layout.worker_python):
            if not needed.exists():
                raise StackError(f"{_short(needed)} is missing; run `make build-local`")

    def _emulator(self, port: int) -> Program:
        run = self.layout.run
        command = [sys.executable, "-m", "local.emulator", "--port", str(port)]
        command += ["--front-port", str(self.layout.port), "--api-file", str(run / "api")]
        settings = {
            "AUTH": "true",
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "S3_DATA_DIR": str(run / "s3"),
            "STATE_DIR": str(run / "state"),
            "DOCKER_HOST": f"unix://{run}/no-docker.sock",
        }
        return Program("emulator", command, _environment(run) | settings, ROOT, run / "emulator.log")

    def _index_server(self, port: int) -> Program:
        run = self.layout.run
        command = [sys.executable, "-m", "local.index_server", "--port", str(port), "--folder", str(run / "index")]
        return Program("index-server", command, _environment(run), ROOT, run / "index-server.log")

    def _wait(self, url: str, what: str) -> None:
        """Return when the address answers 200."""
        deadline = time.monotonic() + START_SECONDS
        with contextlib.closing(_Probe()) as probe:
            while (answer := probe.ask(url)) != "200":
                self.check()
                if time.monotonic() > deadline:
                    logs = _short(self.layout.run)
                    raise StackError(f"the {what} does not answer after {START_SECONDS} s ({answer}); see {logs}")
                time.sleep(0.05)

    def _describe(self) -> None:
        """Leave what a person or a test needs to look inside; the gateway opens when its file is there."""
        assert self.deployed is not None
        description = {
            "url": self.url,
            "endpoint": self.endpoint,
            "credentials": ADMINISTRATOR,
            "resources": dict(self.deployed.resources),
            "left_out": dict(self.deployed.left_out),
            "processes": self.process_ids,
            "logs": str(self.layout.places.logs),
        }
        (self.layout.run / "stack.json").write_text(json.dumps(description, indent=1), encoding="utf-8")
        opening = self.layout.run / "api.new"
        opening.write_text(self.deployed.api_id, encoding="utf-8")
        opening.rename(self.layout.run / "api")


class _Probe:
    """Asks an address once, quickly."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=1, read=30))

    def ask(self, url: str) -> str:
        """The status as text, or what went wrong."""
        try:
            return str(self._pool.request("GET", url).status)
        except urllib3.exceptions.HTTPError as error:
            return type(error).__name__

    def close(self) -> None:
        """Let go of the connections."""
        self._pool.clear()


def _environment(run: Path) -> dict[str, str]:
    """A clean environment for the parts: nothing of the person's own AWS settings reaches them."""
    scratch = run / "tmp"
    scratch.mkdir(exist_ok=True)
    passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {"HOME": "/tmp", **passed, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}


def _short(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
