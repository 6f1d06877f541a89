"""What fails every time ends, with a reason; the rest goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forebay.adapters.memory import PlainTextExtractor
from forebay.domain.ports import Extraction
from forebay.domain.transitions import JobState
from tests.simulation.auditor import Auditor
from tests.simulation.scenario import ONE
from tests.simulation.tape import Tape
from tests.simulation.users import ended, failed_as, job, send, shows
from tests.simulation.world import MemoryWorld

BROKEN = "broken"


class _BreaksOn(PlainTextExtractor):
    @contextmanager
    def extract(self, content: Path, **how: Any) -> Iterator[Extraction]:
        if content.read_text().startswith(BROKEN):
            raise RuntimeError("a bug of ours")
        with super().extract(content, **how) as extraction:
            yield extraction


class _World(MemoryWorld):
    """Its extractor has a bug."""

    extractor_class = _BreaksOn


def test_document_that_always_breaks_its_reader_is_buried_and_its_job_ends() -> None:
    world = _World(Tape())
    auditor = Auditor(world)

    send(world, "first", ("a", BROKEN), ("b", ONE))
    world.come_to_rest()

    assert world.buried == 1
    assert set(world.bugs.found) == {"RuntimeError: a bug of ours"}
    world.bugs.found.clear()
    wrong = auditor.at_rest() + failed_as(world, "a", "poison") + shows(world, "b", ONE)
    assert not wrong + ended(job(world, "first"), JobState.PARTIALLY_SUCCEEDED)
    assert [name for name in world.data_objects() if name.startswith("buried/")]
