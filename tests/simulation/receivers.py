"""Those who are told: receivers of webhooks and a broker, well or unwell as time goes, who remember what came to them.

A call that fails at its seam is what the network does, so it comes back as a reply: nobody answered, or nobody knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from forebay.adapters.memory_delivery import TAKEN, MemoryBroker
from forebay.domain.delivery import GONE, BrokerMessage, Reply
from forebay.domain.errors import TransientError
from tests.engines import Clock
from tests.simulation.tape import Tape

_HANGS_SECONDS: Final = 10.0  # until the adapter gives up

HANGS: Final = Reply(error="webhook_unreachable")
CLOSED: Final = Reply(error="webhook_unreachable")
BROKEN: Final = Reply(status=500, error="webhook_status")
OFF: Final = Reply(status=GONE, error="webhook_status")


@dataclass(frozen=True, slots=True)
class Came:
    """What came to a receiver once."""

    at: datetime
    url: str
    headers: Mapping[str, str]
    body: bytes
    status: int  # of the answer; 0 where there was none
    taken: bool

    @property
    def event(self) -> str:
        """The event's id."""
        return self.headers["webhook-id"]


Manner = Callable[[datetime, int], Reply]  # how a receiver answers: when, and what came to it before


def takes_all(_at: datetime, _before: int) -> Reply:
    """A receiver that is well."""
    return TAKEN


class Receivers:
    """Web servers; one that has no manners takes everything."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        self.came: list[Came] = []
        self.manners: dict[str, Manner] = {}
        self._tape, self._clock = tape, clock

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """See Webhooks."""
        try:
            self._tape.on_call("before", "webhooks.post")
            reply = self.manners.get(url, takes_all)(self._clock(), len(self.came_to(url)))
            self.came.append(Came(self._clock(), url, dict(headers), body, reply.status, not reply.error))
            if reply is HANGS:
                self._clock.move(_HANGS_SECONDS)
            self._tape.on_call("after", "webhooks.post")
        except TransientError:
            return CLOSED
        return reply

    def came_to(self, url: str) -> list[Came]:
        """What came to one of them."""
        return [each for each in self.came if each.url == url]


class Broker(MemoryBroker):
    """A broker that changes its ways when it is time."""

    def __init__(self, tape: Tape, clock: Clock) -> None:
        super().__init__(tape.on_call, exchanges={"tasks": None})
        self.later: list[tuple[datetime, Callable[[MemoryBroker], None]]] = []
        self._clock = clock

    def publish(self, message: BrokerMessage) -> Reply:
        """See Broker."""
        for change in [change for at, change in self.later if at <= self._clock()]:
            change(self)
        try:
            return super().publish(message)
        except TransientError:
            return Reply(error="not_confirmed")
