"""Servers that speak OpenSearch, each in a process of its own on a free loopback port, ended by its pid."""

import json
import os
import selectors
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from osmem_server import resolve_binary  # type: ignore[import-untyped]

START_SECONDS = 20.0
END_SECONDS = 10.0
ROOT = Path(__file__).parents[3]


@contextmanager
def local_index_server(folder: Path) -> Iterator[str]:
    """Our own index server on `folder`; its URL."""
    command = [sys.executable, "-m", "local.index_server", "--port", "0", "--folder", str(folder)]
    with process(command) as line:
        yield line


@contextmanager
def osmem_server() -> Iterator[str]:
    """osmem-server, an independent implementation without k-NN search; its URL."""
    command = [resolve_binary(), "--addr", "127.0.0.1:0", "--parent-pid", str(os.getpid()), "--no-ja"]
    with process(command) as line:
        yield json.loads(line)["url"]


@contextmanager
def process(command: Sequence[str]) -> Iterator[str]:
    """Run a command until the end of the context; the first line that it prints, once it is ready."""
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield first_line(running)
        finally:
            running.terminate()
            try:
                running.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                running.kill()


def first_line(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(running.stdout, selectors.EVENT_READ)
        assert selector.select(START_SECONDS), f"{running.args!r} was not ready in time"
    line = running.stdout.readline().strip()
    assert line, f"{running.args!r} ended at once"
    return line


def call(url: str, method: str = "POST", body: object = None) -> object:
    """A request of the test itself, past the adapter; its JSON answer. Raises HTTPError."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"content-type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)
