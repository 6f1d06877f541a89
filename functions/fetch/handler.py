"""FetchDocument → what stands at the document's URL in the data bucket, or the reason why it is not."""

from forebay.bootstrap.fetching import fetching_engine
from forebay.domain.commands import FetchDocument
from forebay.entrypoints.worker import commands, queue_handler
from forebay.observability import logger
from forebay.service.fetch import fetch

handler = logger.inject_lambda_context(queue_handler(fetching_engine, commands({FetchDocument: fetch})))
