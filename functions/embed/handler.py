"""EmbedChunks → vectors in the index; the last batch publishes the document if the index shows it already."""

from forebay.bootstrap.inference import inference_engine
from forebay.domain.commands import EmbedChunks
from forebay.entrypoints.worker import commands, queue_handler
from forebay.observability import logger
from forebay.service.embed import embed

handler = logger.inject_lambda_context(queue_handler(inference_engine, commands({EmbedChunks: embed})))
