"""What every `CommandQueues` must do. A subclass gives the `subject`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from forebay.domain.commands import Command, EmbedChunks, ExtractDocument, PurgeDocument
from forebay.domain.ports import CommandQueues
from forebay.domain.stored_document import Lane
from tests.builders import COLLECTION, TENANT, a_document_key, a_run

EXTRACT = ExtractDocument(tenant=TENANT, collection=COLLECTION, key=a_document_key(), run=a_run())
PURGE = PurgeDocument(tenant=TENANT, collection=COLLECTION, key=a_document_key())


def batches(count: int) -> list[Command]:
    return [
        EmbedChunks(tenant=TENANT, collection=COLLECTION, key=a_document_key(), run=a_run(), batch=number)
        for number in range(count)
    ]


@dataclass(frozen=True)
class Subject:
    """Empty queues, and how to take all that waits out of a queue."""

    queues: CommandQueues
    taken: Callable[[str], Sequence[Command]]


class CommandQueuesSuite:
    """The contract; every promise of the port's docstring."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    def test_each_command_goes_to_the_queue_of_its_verb(self, subject: Subject) -> None:
        subject.queues.send([EXTRACT, *batches(1), PURGE])

        assert list(subject.taken("extract")) == [EXTRACT]
        assert list(subject.taken("embed")) == batches(1)
        assert list(subject.taken("control")) == [PURGE]

    def test_what_someone_waits_for_goes_to_a_queue_of_its_own(self, subject: Subject) -> None:
        urgent = EXTRACT.model_copy(update={"lane": Lane.INTERACTIVE})

        subject.queues.send([EXTRACT, urgent])

        assert list(subject.taken("extract_interactive")) == [urgent]
        assert list(subject.taken("extract")) == [EXTRACT]

    def test_any_number_of_commands_is_accepted(self, subject: Subject) -> None:
        sent = batches(23)

        subject.queues.send(sent)

        arrived = subject.taken("embed")
        assert sorted(arrived, key=str) == sorted(sent, key=str)

    def test_sending_nothing_does_nothing(self, subject: Subject) -> None:
        subject.queues.send([])

        assert [list(subject.taken(verb)) for verb in ("extract", "embed", "control")] == [[], [], []]

    def test_an_offer_is_sent_when_it_can_be(self, subject: Subject) -> None:
        subject.queues.offer([EXTRACT])

        assert list(subject.taken("extract")) == [EXTRACT]

    def test_the_backlog_is_what_waits(self, subject: Subject) -> None:
        subject.queues.send(batches(12))

        assert (subject.queues.backlog("embed"), subject.queues.backlog("extract")) == (12, 0)
