"""The engine of deliver: what events and jobs are kept in, and what tells a job's callbacks; no bus, no index."""

from functools import cache

from forebay.adapters import aws
from forebay.adapters.amqp_broker import AmqpBroker
from forebay.adapters.guarded_connections import GuardedConnections
from forebay.adapters.http_webhooks import HttpWebhooks
from forebay.adapters.ssm_parameter import SsmParameter
from forebay.bootstrap.core import core_port, engine_of, settings
from forebay.bootstrap.sealing import vault
from forebay.service.engine import Engine


@cache
def delivering_engine() -> Engine:
    """Records, objects, queues, webhooks, broker and vault."""
    told = settings()
    return engine_of(
        {
            **{name: core_port(name) for name in ("records", "objects", "queues")},
            "webhooks": HttpWebhooks(GuardedConnections(told.policy.reach)),
            "broker": AmqpBroker(SsmParameter(aws.ssm, told.broker_url_parameter), told.policy.reach),
            "vault": vault(),
        },
        told.policy,
    )
