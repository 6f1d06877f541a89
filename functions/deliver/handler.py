"""DeliverEvent → an event at one of its job's callbacks: a signed webhook, or a message to the AMQP broker."""

from forebay.bootstrap.delivering import delivering_engine
from forebay.dialects.amqp import deliver_event
from forebay.domain.commands import DeliverEvent
from forebay.entrypoints.worker import commands, queue_handler
from forebay.observability import logger

handler = logger.inject_lambda_context(queue_handler(delivering_engine, commands({DeliverEvent: deliver_event})))
