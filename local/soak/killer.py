"""Kills workers of a running stack at random, one kind as often as another; the emulator starts new ones."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping
from typing import Final

from local.processes import descendants, environment_of

MEAN_SECONDS: Final = 2.5  # between two kills; a worker lives some twenty times as long


class Killer:
    """`tick` again and again; `kills` counts by function."""

    def __init__(self, functions: Mapping[str, str], emulator: int, seed: int) -> None:
        """`functions` maps a function's name in the cloud to its verb, `emulator` is the process above all workers."""
        self.kills: Counter[str] = Counter()
        self._functions = functions
        self._emulator = emulator
        self._chance = random.Random(seed)
        self._next = time.monotonic()

    def tick(self) -> None:
        """Kill one worker, when it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._chance.expovariate(1 / MEAN_SECONDS)
        workers = self._workers()
        if workers:
            kind = self._chance.choice(sorted(workers))
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._chance.choice(workers[kind]), signal.SIGKILL)
                self.kills[kind] += 1

    def _workers(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for pid in descendants(self._emulator):
            kind = self._functions.get(environment_of(pid).get("AWS_LAMBDA_FUNCTION_NAME", ""))
            if kind is not None:
                found.setdefault(kind, []).append(pid)
        return found
