"""Every call to the outside, in order; and the one fault that strikes at the k-th of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from forebay.domain.errors import TransientError
from tests.simulation.troubles import STRIKES, Trouble

_READS = ("get", "get_many", "query", "head", "download", "count", "backlog", "mapping")
_AWS_READS = (
    "GetItem", "BatchGetItem", "Query", "HeadObject", "GetObject", "ListObjectsV2", "ListObjectVersions",
    "GetQueueAttributes",
)  # fmt: skip


class Crash(BaseException):
    """The process died. No `except Exception` survives it, as nothing survives a killed process."""


class Mode(StrEnum):
    """How a call goes wrong."""

    CRASH_BEFORE = "crash_before"  # the process dies, the call has no effect
    CRASH_AFTER = "crash_after"  # the call takes effect, then the process dies
    ERROR_BEFORE = "error_before"  # the call is refused: throttled, unreachable
    ERROR_AFTER = "error_after"  # the call takes effect, but the answer is an error: the ambiguous case

    @property
    def phase(self) -> str:
        """On which side of the effect it strikes."""
        return self.value.partition("_")[2]

    @property
    def is_crash(self) -> bool:
        """Does the process die?"""
        return self.value.startswith("crash")

    def concerns(self, name: str) -> bool:
        """Can it make a difference at this call?"""
        return not (self.phase == "after" and changes_nothing(name))


@dataclass(frozen=True, slots=True)
class Fault:
    """`mode` at the `at`-th call (from 1)."""

    mode: Mode | Trouble
    at: int


def _unwell(name: str) -> Exception:
    return TransientError(f"injected at {name}")


def changes_nothing(name: str) -> bool:
    """Is the call a mere read? A fault after it is a fault before the next call."""
    return name.rpartition(".")[2] in _READS + _AWS_READS


@dataclass
class Tape:
    """Records calls, strikes once, pauses where a scheduler wants it, and has every effect looked at."""

    fault: Fault | None = None
    error_of: Callable[[str], Exception] = _unwell  # what an error looks like at this seam
    look: Callable[[str], None] = lambda _: None  # after every effect
    pause: Callable[[str], None] = lambda _: None  # before every call
    calls: list[str] = field(default_factory=list)
    struck: str = ""  # the call at which the fault struck
    strikes: int = 0  # how often a trouble has struck

    def on_call(self, phase: str, name: str) -> None:
        """The hook of the adapters."""
        self.hit(phase, name, self.error_of)

    def hit(self, phase: str, name: str, error_of: Callable[[str], Exception]) -> None:
        """Count, look, strike."""
        if phase == "before":
            self.pause(name)
            self.calls.append(name)
        elif not changes_nothing(name):
            self.look(name)
        fault = self.fault
        if fault is None or self.struck or fault.at != len(self.calls) or fault.mode.phase != phase:
            return
        self.struck = name
        if fault.mode.is_crash:
            raise Crash(f"{phase} {name}")
        raise error_of(name)

    def trouble(self, name: str) -> Trouble | None:
        """What happens to the call that was counted last; a trouble that lasts strikes the same operation again."""
        fault = self.fault
        if fault is None or not isinstance(fault.mode, Trouble) or not fault.mode.concerns(name):
            return None
        first = not self.struck and fault.at == len(self.calls)
        lasting = self.struck == name and self.strikes < STRIKES[fault.mode].lasts
        if not (first or lasting):
            return None
        self.struck, self.strikes = name, self.strikes + 1
        return fault.mode
