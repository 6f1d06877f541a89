"""What one tenant asks for, however much, keeps nobody else waiting; and what someone waits for passes by the rest."""

from collections import Counter
from dataclasses import replace

import pytest

from forebay.domain import keys
from forebay.domain.document import Collection, JobId, TenantId
from forebay.domain.job import job_of
from forebay.domain.requests import DocumentRequest, SubmitJob, TextSource
from forebay.domain.stored_document import Lane
from forebay.domain.transitions import JobState
from forebay.service.submit import submit
from tests.simulation.fair_queues import WORKERS, SharedWorld, Turn, fair, first_come
from tests.simulation.users import SMALL, words

LARGE, OTHER = TenantId("large"), TenantId("other")
COLLECTION = Collection("manuals")
_REQUEST_MOST = 1_000  # documents
_ROUNDS_MOST = 300


def ask(world: SharedWorld, tenant: TenantId, name: str, documents: int = 1, *, lane: Lane = Lane.BULK) -> JobId:
    """The tenant asks for so many documents in one request."""
    asked = tuple(DocumentRequest(f"{name}-{n}", "", "", TextSource(words(name))) for n in range(documents))
    return submit(world.engine, SubmitJob(tenant, COLLECTION, asked, replace(SMALL, lane=lane))).job.id


def ask_for_much(world: SharedWorld, documents: int) -> None:
    """The large tenant asks for all that it has."""
    for start in range(0, documents, _REQUEST_MOST):
        ask(world, LARGE, f"from-{start}", min(_REQUEST_MOST, documents - start))
    world.sort()


def busy_with(documents: int, turn: Turn = fair) -> SharedWorld:
    """A world in which the large tenant's documents are all accepted, and the first of them are worked on."""
    world = SharedWorld(turn)
    ask_for_much(world, documents)
    while world.waits("control"):
        world.round()
        world.sort()
    assert world.waits("extract") > documents * 9 // 10
    return world


def rounds_until_done(world: SharedWorld, job: JobId) -> int:
    """How many rounds of work it takes until the job has succeeded."""
    for rounds in range(_ROUNDS_MOST):
        if job_of(world.records()[keys.job(job)]).state is JobState.SUCCEEDED:
            return rounds
        world.round()
    raise AssertionError(f"not done after {_ROUNDS_MOST} rounds")


def rounds_when_idle(documents: int) -> int:
    world = SharedWorld()
    return rounds_until_done(world, ask(world, OTHER, "one", documents))


@pytest.fixture(scope="module")
def busy() -> SharedWorld:
    return busy_with(10_000)


@pytest.mark.parametrize("lane", Lane)
def test_beside_ten_thousand_documents_of_another_tenant_one_is_done_as_soon_as_alone(
    busy: SharedWorld, lane: Lane
) -> None:
    rounds = rounds_until_done(busy, ask(busy, OTHER, lane, lane=lane))

    assert rounds == rounds_when_idle(1)


def test_two_tenants_share_the_workers_by_halves(busy: SharedWorld) -> None:
    rounds = rounds_until_done(busy, ask(busy, OTHER, "several", 30))

    assert rounds <= WORKERS * rounds_when_idle(30)


def test_a_large_job_is_accepted_beside_another_tenants_hundred() -> None:
    world = SharedWorld()
    for number in range(100):
        ask(world, LARGE, f"job-{number}", 26)
    world.sort()

    rounds = rounds_until_done(world, ask(world, OTHER, "several", 26))

    assert rounds <= WORKERS * rounds_when_idle(26) < 100 // WORKERS


def test_what_someone_waits_for_passes_by_the_same_tenants_ten_thousand(busy: SharedWorld) -> None:
    rounds = rounds_until_done(busy, ask(busy, LARGE, "urgent", lane=Lane.INTERACTIVE))

    assert rounds == rounds_when_idle(1)


def test_nobody_holds_back_a_worker_that_has_nothing_else_to_do(busy: SharedWorld) -> None:
    before = busy.waits("extract")

    busy.round()

    assert before - busy.waits("extract") == WORKERS


def test_what_one_waits_for_grows_with_the_others_backlog_where_messages_have_no_group() -> None:
    waits = {}
    for documents in (50, 100):
        world = busy_with(documents, first_come)
        waits[documents] = rounds_until_done(world, ask(world, OTHER, "one"))

    assert waits[100] > waits[50] > 10 * rounds_when_idle(1)


def test_every_message_of_a_document_is_of_its_tenants_group_and_in_its_lane() -> None:
    world = SharedWorld()
    ask(world, LARGE, "bulk")
    ask(world, OTHER, "urgent", lane=Lane.INTERACTIVE)

    seen: Counter[tuple[str, str]] = Counter()
    for _ in range(rounds_when_idle(1)):
        world.sort()
        seen.update((queue, group) for queue, backlog in world.backlogs.items() for group in backlog)
        world.round()

    assert seen == {
        ("extract", LARGE): 1,
        ("embed", LARGE): 1,
        ("extract_interactive", OTHER): 1,
        ("embed_interactive", OTHER): 1,
    }
