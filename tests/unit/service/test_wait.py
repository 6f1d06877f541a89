from dataclasses import replace

import pytest

from forebay.domain.document import JobId
from forebay.domain.errors import TransientError
from forebay.service.wait import WAIT_SECONDS_MOST, wait_for
from tests.unit.service.scene import Scene


def test_it_returns_with_the_job_as_soon_as_it_has_ended(scene: Scene) -> None:
    job = scene.submit()
    begun = scene.clock.at

    def work(seconds: float) -> None:
        scene.clock.move(seconds)
        scene.driver.drain()

    ended = wait_for(replace(scene.engine, sleep=work), job.id)

    assert ended.ended
    assert (scene.clock.at - begun).total_seconds() < 1


def test_it_gives_up_before_the_gateway_does(scene: Scene) -> None:
    job = scene.submit()
    begun = scene.clock.at

    waited = wait_for(scene.engine, job.id)

    assert not waited.ended
    assert WAIT_SECONDS_MOST - 1 < (scene.clock.at - begun).total_seconds() <= WAIT_SECONDS_MOST


def test_it_keeps_time_for_the_answer(scene: Scene) -> None:
    job = scene.submit()
    begun = scene.clock.at
    left = replace(scene.engine, remaining_seconds=lambda: 5.0 - (scene.clock.at - begun).total_seconds())

    waited = wait_for(left, job.id)

    assert not waited.ended
    assert (scene.clock.at - begun).total_seconds() <= 3.0


def test_a_job_that_is_not_there_is_not_waited_for(scene: Scene) -> None:
    with pytest.raises(TransientError):
        wait_for(scene.engine, JobId("job_none"))
