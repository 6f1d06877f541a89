"""ExtractDocument → text and chunks."""

from forebay.bootstrap.reading import reading_engine
from forebay.domain.commands import ExtractDocument
from forebay.entrypoints.worker import commands, queue_handler
from forebay.observability import logger
from forebay.service.extract import extract

handler = logger.inject_lambda_context(queue_handler(reading_engine, commands({ExtractDocument: extract})))
