import pytest

from forebay.domain.transitions import WITHIN_A_RUN, WORKING, DocumentState, JobState, before, finished

TERMINAL = (DocumentState.READY, DocumentState.FAILED, DocumentState.CANCELED, DocumentState.DELETED)


def test_every_state_has_its_moves() -> None:
    assert set(WITHIN_A_RUN) == set(DocumentState)


@pytest.mark.parametrize("state", TERMINAL)
def test_a_run_that_has_ended_moves_no_more(state: DocumentState) -> None:
    assert WITHIN_A_RUN[state] == frozenset()


@pytest.mark.parametrize("state", WORKING)
def test_work_can_fail_or_be_canceled_at_every_stage(state: DocumentState) -> None:
    assert {DocumentState.FAILED, DocumentState.CANCELED} <= WITHIN_A_RUN[state]


def test_what_comes_before_a_state_is_the_table_read_backwards() -> None:
    for target in DocumentState:
        assert set(before(target)) == {state for state in DocumentState if target in WITHIN_A_RUN[state]}
    assert before(DocumentState.EXTRACTING) == (DocumentState.QUEUED, DocumentState.EXTRACTING)
    assert before(DocumentState.DELETED) == (DocumentState.DELETING,)


def test_a_deleted_document_does_not_come_back_within_its_run() -> None:
    assert WITHIN_A_RUN[DocumentState.DELETING] == {DocumentState.DELETING, DocumentState.DELETED}


@pytest.mark.parametrize(
    ("ready", "failed", "canceled", "state"),
    [
        (0, 0, 0, JobState.SUCCEEDED),
        (3, 0, 0, JobState.SUCCEEDED),
        (2, 1, 0, JobState.PARTIALLY_SUCCEEDED),
        (2, 0, 1, JobState.PARTIALLY_SUCCEEDED),
        (0, 1, 0, JobState.FAILED),
        (0, 1, 5, JobState.FAILED),
        (0, 0, 2, JobState.CANCELED),
    ],
)
def test_a_job_ends_by_what_became_of_its_documents(ready: int, failed: int, canceled: int, state: JobState) -> None:
    assert finished(ready=ready, failed=failed, canceled=canceled) is state
