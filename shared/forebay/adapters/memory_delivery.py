"""Receivers, a broker and a vault in memory: deliveries without a network, for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from forebay.adapters.memory import OnCall, quietly
from forebay.domain.delivery import BrokerMessage, Reply
from forebay.domain.document import TenantId
from forebay.domain.web_address import Reach, refused_webhook

TAKEN = Reply(status=200)


@dataclass(frozen=True, slots=True)
class Posted:
    """One POST as its receiver saw it."""

    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class MemoryWebhooks:
    """Receivers that take everything, unless `replies` has something else for their URL: the last one again and
    again."""

    on_call: OnCall = quietly
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    posted: list[Posted] = field(default_factory=list)
    reach: Reach = Reach.PUBLIC

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """See Webhooks."""
        self.on_call("before", "webhooks.post")
        if refused_webhook(url, self.reach) is not None:
            return Reply(error="webhook_forbidden")
        replies = self.replies.get(url, [TAKEN])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        self.posted.append(Posted(url, dict(headers), body))
        self.on_call("after", "webhooks.post")
        return reply

    def taken(self, url: str) -> list[Posted]:
        """What came to the receiver at this URL."""
        return [each for each in self.posted if each.url == url]


@dataclass
class MemoryBroker:
    """A broker with some exchanges, each with queues bound to some routing keys; None: to any."""

    on_call: OnCall = quietly
    exchanges: dict[str, set[str] | None] = field(default_factory=dict)
    down: bool = False
    published: list[BrokerMessage] = field(default_factory=list)
    configured: bool = True  # has the operator named it?

    def publish(self, message: BrokerMessage) -> Reply:
        """See Broker."""
        self.on_call("before", "broker.publish")
        if not self.configured:
            return Reply(error="broker_not_configured")
        if self.down:
            return Reply(error="broker_unreachable")
        if not message.exchange or message.exchange not in self.exchanges:
            return Reply(error="exchange_missing")
        bound = self.exchanges[message.exchange]
        if bound is not None and message.routing_key not in bound:
            return Reply(error="unroutable")
        self.published.append(message)
        self.on_call("after", "broker.publish")
        return Reply()


class MemoryVault:
    """Reverses the secret and puts the tenant before it: unlike, but no secret to anybody."""

    def seal(self, secret: str, tenant: TenantId) -> str:
        """See Vault."""
        return f"sealed:{tenant}:{secret[::-1]}"

    def open(self, sealed: str, tenant: TenantId) -> str:
        """See Vault."""
        prefix = f"sealed:{tenant}:"
        if not sealed.startswith(prefix):
            raise ValueError("sealed for another tenant")
        return sealed.removeprefix(prefix)[::-1]
