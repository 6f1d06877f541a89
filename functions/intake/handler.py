"""S3 event → a job for the object."""

from forebay.bootstrap.core import core_engine
from forebay.entrypoints.worker import object_events, queue_handler
from forebay.observability import logger
from forebay.service.intake import intake

handler = logger.inject_lambda_context(queue_handler(core_engine, object_events(intake)))
