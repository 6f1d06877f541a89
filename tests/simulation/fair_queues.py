"""A world in which tenants share workers: its queues are SQS's fair queues, each read by so many workers at once.

What AWS says of them (SQS developer guide, "Amazon SQS fair queues"): while a group of messages has a larger share of
what is in flight than others, messages of the others are handed out first; nothing is held back, and an idle worker
takes whatever there is.
"""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping

from tests.simulation.tape import Tape
from tests.simulation.world import MemoryWorld, Message

WORKERS = 2  # of each queue: the least that a mapping's MaximumConcurrency can be

Backlog = Mapping[str, deque[Message]]  # group → what waits of it, oldest first
Turn = Callable[[Backlog, Counter[str]], str]  # whose message is handed out next, by what is in flight now


def fair(waiting: Backlog, in_flight: Counter[str]) -> str:
    """The group with the least in flight."""
    return min(waiting, key=lambda group: (in_flight[group], _age(waiting[group][0])))


def first_come(waiting: Backlog, in_flight: Counter[str]) -> str:
    """The group of the oldest message: a queue whose messages have no groups."""
    return min(waiting, key=lambda group: _age(waiting[group][0]))


def _age(message: Message) -> int:
    return int(message.id.removeprefix("m"))


class SharedWorld(MemoryWorld):
    """Workers of all queues work at the same time, round by round."""

    def __init__(self, turn: Turn = fair) -> None:
        super().__init__(Tape())
        self._turn = turn
        self.backlogs: dict[str, dict[str, deque[Message]]] = defaultdict(dict)

    def waits(self, queue: str) -> int:
        """How many messages wait in the queue."""
        return sum(len(messages) for messages in self.backlogs[queue].values())

    def round(self) -> None:
        """Each worker takes a message, if there is one; then all finish. What they send is for the next round."""
        self.sort()
        for message in [message for backlog in list(self.backlogs.values()) for message in self._taken(backlog)]:
            self.deliver(message)

    def sort(self) -> None:
        """What was sent joins its group's backlog."""
        self.collect()
        for message in self.waiting:
            group = str(json.loads(message.body)["tenant"])
            self.backlogs[message.verb].setdefault(group, deque()).append(message)
        self.waiting.clear()

    def _taken(self, backlog: dict[str, deque[Message]]) -> list[Message]:
        in_flight: Counter[str] = Counter()
        taken: list[Message] = []
        while backlog and len(taken) < WORKERS:
            group = self._turn(backlog, in_flight)
            in_flight[group] += 1
            taken.append(backlog[group].popleft())
            if not backlog[group]:
                del backlog[group]
        return taken
