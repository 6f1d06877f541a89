"""What every `EventBus` must do. A subclass gives the `subject`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from forebay.domain.events import Event
from forebay.domain.ports import EventBus
from tests.builders import an_event


@dataclass(frozen=True)
class Subject:
    """A bus, and what a subscriber to all of it has heard since."""

    bus: EventBus
    heard: Callable[[], Sequence[Event]]


class EventBusSuite:
    """The contract; every promise of the port's docstring."""

    @pytest.fixture
    def subject(self) -> Subject:
        raise NotImplementedError

    def test_an_event_is_heard_as_it_was_published(self, subject: Subject) -> None:
        event = an_event(data={"job_id": "job_1", "counts": {"documents": {"total": 2}}, "note": "ü ☃"})

        subject.bus.publish([event])

        assert list(subject.heard()) == [event]

    def test_any_number_of_events_is_published(self, subject: Subject) -> None:
        events = [an_event(id=f"evt_{number}") for number in range(23)]

        subject.bus.publish(events)

        assert sorted(event.id for event in subject.heard()) == sorted(event.id for event in events)

    def test_publishing_nothing_does_nothing(self, subject: Subject) -> None:
        subject.bus.publish([])

        assert list(subject.heard()) == []
