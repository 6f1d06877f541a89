"""The reading process: gives up every right and resource that reading does not need, then reads.

Started by the sandboxed extractor as a program of its own, with an empty environment; standard output carries frames
(`frames.py`), standard input is a pipe whose closing means that the parent is gone.

    python -I -S -B worker.py <file> <declared type> <name> <wall seconds> <pages and characters read before>
        <limit=number>... -- <import path>...
"""

from __future__ import annotations

import fcntl
import importlib
import os
import resource
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from forebay.domain.limits import ExtractionLimits


def restrict(limits: ExtractionLimits, wall_seconds: float) -> None:
    """After this the process can neither grow, run on, write to a file nor (unless it is root) start another."""
    for what, wanted, spare in (
        (resource.RLIMIT_AS, limits.memory_bytes, 0),
        (resource.RLIMIT_CPU, limits.cpu_seconds, 1),  # at the soft limit comes a signal that tells what it was
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NOFILE, 64, 0),
        (resource.RLIMIT_NPROC, 0, 0),
    ):
        hard = resource.getrlimit(what)[1]
        most = wanted + spare if hard == resource.RLIM_INFINITY else min(wanted + spare, hard)
        resource.setrlimit(what, (min(wanted, most), most))
    signal.setitimer(signal.ITIMER_REAL, wall_seconds)
    # When the parent dies the lifeline closes, and the default action of SIGIO ends this process, even within C code.
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def main(arguments: list[str]) -> None:
    """Run on the command line's arguments; the outcome is in the frames, or in the way this process dies."""
    path, declared, name, wall_seconds, pages, characters, *rest = arguments
    end = rest.index("--")
    given = dict(pair.split("=") for pair in rest[:end])
    # The names are those of ExtractionLimits; importing dataclasses would cost a fifth of this process's start.
    limits = cast("ExtractionLimits", SimpleNamespace(**{limit: int(value) for limit, value in given.items()}))
    restrict(limits, float(wall_seconds))
    sys.path[:0] = rest[end + 1 :]
    begin = int(pages), int(characters)
    # Only now, under the limits and with the paths, can anything of the package be imported.
    importlib.import_module("forebay.adapters.parsers.reading").run(path, (declared, name), limits, begin)
    os._exit(0)  # nothing that a parser left behind gets a chance to hang


if __name__ == "__main__":
    main(sys.argv[1:])
