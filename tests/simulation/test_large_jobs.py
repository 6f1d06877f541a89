"""Jobs of several shards."""

from forebay.domain.transitions import JobState
from forebay.service.remove_collection import remove_collection
from tests.simulation.runs import play
from tests.simulation.scenario import Scenario
from tests.simulation.test_crashes import assert_nothing_wrong
from tests.simulation.users import ended, jobs, send, words
from tests.simulation.world import COLLECTION, TENANT, World


def _delete_collection_with_an_open_job_of_two_shards(world: World) -> None:
    send(world, "first", *((f"d{number}", words(f"d{number}")) for number in range(202)))
    world.deliver_some(1)
    world.waiting.clear()
    world.ask(lambda engine: remove_collection(engine, TENANT, COLLECTION))


def test_deletion_that_fills_several_shards_of_one_job_at_once_tells_it_in_one_write() -> None:
    def expect(world: World) -> list[str]:
        large, removal = jobs(world)
        return ended(large, JobState.CANCELED) + ended(removal, JobState.SUCCEEDED)

    assert_nothing_wrong([play(Scenario("two_shards", _delete_collection_with_an_open_job_of_two_shards, expect))])
