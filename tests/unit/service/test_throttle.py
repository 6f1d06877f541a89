from datetime import timedelta

from forebay.domain.document import TenantId
from forebay.service.engine import Limits, Policy
from forebay.service.throttle import count_request
from tests.builders import TENANT
from tests.engines import START
from tests.unit.service.scene import a_scene

TWO = Policy(limits=Limits(requests_per_minute=2))


def test_each_request_leaves_one_less() -> None:
    scene = a_scene(TWO)

    rates = [count_request(scene.engine, TENANT) for _ in range(3)]

    assert [(rate.used, rate.remaining, rate.exceeded) for rate in rates] == [
        (1, 1, False),
        (2, 0, False),
        (3, 0, True),
    ]


def test_the_count_begins_anew_with_the_next_minute() -> None:
    scene = a_scene(TWO)
    scene.clock.move(59)
    rates = [count_request(scene.engine, TENANT) for _ in range(3)]
    assert rates[-1].exceeded
    assert (rates[-1].resets_in, rates[-1].resets_at) == (1, int((START + timedelta(seconds=60)).timestamp()))

    scene.clock.move(1)

    assert count_request(scene.engine, TENANT).used == 1


def test_tenants_are_counted_apart() -> None:
    scene = a_scene(TWO)
    count_request(scene.engine, TENANT)

    assert count_request(scene.engine, TenantId("other")).used == 1


def test_counts_expire_after_their_minute() -> None:
    scene = a_scene(TWO)

    rate = count_request(scene.engine, TENANT)

    assert [record["ttl"] for record in scene.records.records.values()] == [rate.resets_at + 60]
