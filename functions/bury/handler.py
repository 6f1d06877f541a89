"""Dead letter → the document or job ends, with the reason; the body is kept."""

from forebay.bootstrap.core import core_engine
from forebay.entrypoints.worker import dead_letters, queue_handler
from forebay.observability import logger
from forebay.service.bury import bury

handler = logger.inject_lambda_context(queue_handler(core_engine, dead_letters(bury)))
