"""What goes on for long: nothing grows with it."""

from datetime import timedelta

from tests.simulation.auditor import Auditor
from tests.simulation.runs import Run
from tests.simulation.tape import Tape
from tests.simulation.test_crashes import assert_nothing_wrong
from tests.simulation.users import document, send, shows, words
from tests.simulation.world import TIMES, MemoryWorld


def test_document_that_is_replaced_for_ever_keeps_no_more_dead_runs_than_the_grace_period_takes() -> None:
    world = MemoryWorld(Tape())
    auditor = Auditor(world)
    every, most = TIMES.grace // 3, 0

    for number in range(20):
        send(world, f"version{number}", ("a", words(f"version{number}", 2)))
        world.drain()
        world.pass_time(world.clock() + timedelta(seconds=every))
        world.sweep()
        found = document(world, "a")
        most = max(most, len(found.dead) if found is not None else 0)

    world.come_to_rest()
    assert_nothing_wrong([Run(world, "", auditor.at_rest() + shows(world, "a", words("version19", 2)))])
    assert most <= 4
