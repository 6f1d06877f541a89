"""Measure the peak memory of each kind of process below this one, while the demo runs; called by `local.demo`."""

import os
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from local.processes import descendants, environment_of, parent_of, peak_memory_bytes

SAMPLE_SECONDS: Final = 0.2


class PeakMemory:
    """Context manager; `peaks` maps a kind (`api`, `extract`, `extract child`, `emulator`...) to bytes."""

    def __init__(self, functions: Mapping[str, str], parts: Mapping[str, int]) -> None:
        """`functions` maps a function's name in the cloud to its verb, `parts` a name to a process id."""
        self.peaks: dict[str, int] = {}
        self._functions = functions
        self._kinds: dict[int, str] = {pid: name for name, pid in parts.items()}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="peak-memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            for pid in descendants(os.getpid()):
                kind = self._kinds.get(pid) or self._kinds.setdefault(pid, self._kind(pid))
                self.peaks[kind] = max(self.peaks.get(kind, 0), peak_memory_bytes(pid))

    def _kind(self, pid: int) -> str:
        """A worker is known by the function in its environment; what a worker has started is its child.

        The parent counts first: between fork and exec a child has its parent's environment.
        """
        above = self._kinds.get(parent_of(pid), "")
        if above in self._functions.values():
            return f"{above} child"
        return self._functions.get(environment_of(pid).get("AWS_LAMBDA_FUNCTION_NAME", ""), "other")
