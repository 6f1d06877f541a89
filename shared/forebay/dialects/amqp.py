"""What the AMQP broker gets for an event: in the words of the API that the job came by, else the event itself."""

from collections.abc import Mapping
from typing import Final

from forebay.dialects.privategpt import events as privategpt
from forebay.dialects.privategpt.words import NAME as PRIVATEGPT
from forebay.domain.callbacks import Callback
from forebay.domain.commands import DeliverEvent
from forebay.domain.delivery import BrokerMessage
from forebay.domain.job import Job
from forebay.domain.stored_event import StoredEvent
from forebay.service.deliver import Render, deliver
from forebay.service.engine import Engine

_OWN: Final[Mapping[str, Render]] = {PRIVATEGPT: privategpt.message}
_STAGES: Final = {"progress": "progress", "failed": "error", "canceled": "error"}  # by the type's last word; else done


def deliver_event(engine: Engine, command: DeliverEvent) -> None:
    """Do the command, with messages in each API's words. Raises Superseded, TransientError."""
    deliver(engine, command, broker_message)


def broker_message(engine: Engine, job: Job, told: StoredEvent, callback: Callback) -> BrokerMessage | None:
    """See deliver.Render."""
    return _OWN.get(job.dialect, _cloud_event)(engine, job, told, callback)


def _cloud_event(_engine: Engine, _job: Job, told: StoredEvent, callback: Callback) -> BrokerMessage:
    event = told.event
    stage = _STAGES.get(event.type.rpartition(".")[2], "done")
    return BrokerMessage(
        exchange=callback.exchange,
        routing_key=callback.routing_keys.get(stage) or event.type,
        body=event.model_dump_json().encode(),
        message_id=event.id,
        content_type="application/cloudevents+json",
    )
