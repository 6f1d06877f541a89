"""Start, watch and end the processes of a local stack on Linux, and measure their memory; called by `local.stack`."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SET_CHILD_SUBREAPER: Final = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
SET_PARENT_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of prctl(2)
LIBC: Final = ctypes.CDLL(None, use_errno=True)
POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Program:
    """One long-running part of the stack."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log: Path


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent dies, so that `end_descendants` finds them all.

    A worker is a grandchild, and a parser a great-grandchild: when the emulator is killed they would otherwise
    go to init. (PR_SET_PDEATHSIG in the worker is no way out: it fires when the emulator's *thread* that forked
    it ends, which is after every first request.)
    """
    LIBC.prctl(SET_CHILD_SUBREAPER, 1)


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, so that a Ctrl-C reaches only us; it dies with this process's main thread."""
    program.log.parent.mkdir(parents=True, exist_ok=True)
    with program.log.open("ab") as log:
        return subprocess.Popen(
            program.command,
            cwd=program.folder,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 (only prctl, and no other thread runs when a stack starts)
        )


def _die_with_parent() -> None:
    LIBC.prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def end_descendants(grace_seconds: float) -> None:
    """End every process below this one: SIGTERM, after the grace SIGKILL until none is left. Returns when it is so.

    Repeated, because a process may fork while it is being ended and orphans come to us as their parents go.
    """
    deadline = time.monotonic() + grace_seconds
    _send(signal.SIGTERM)
    while descendants(os.getpid()):
        _reap()
        if time.monotonic() > deadline:
            _send(signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _send(what: signal.Signals) -> None:
    for pid in descendants(os.getpid()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def descendants(root: int) -> list[int]:
    """Process ids below `root`, children first; zombies are included, since their parent has yet to collect them."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found, level = [], [root]
    while level:
        level = [child for pid in level for child in children.get(pid, [])]
        found += level
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            yield int(entry.name), parent_of(int(entry.name))


def parent_of(pid: int) -> int:
    """The parent's process id; 0 when the process is gone."""
    with contextlib.suppress(OSError, IndexError):
        # "pid (name) state parent ...": the name may hold spaces and brackets, so read after the last one.
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    return 0


def peak_memory_bytes(pid: int) -> int:
    """The most resident memory the process has had so far; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with; {} when it is gone."""
    with contextlib.suppress(OSError):
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace").split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {}


def free_port() -> int:
    """A port of the loopback interface that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback interface."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
