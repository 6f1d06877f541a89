"""HTTP search request → the best passages; apart from api, because it carries the model and may read the index."""

from forebay.bootstrap.inference import inference_engine
from forebay.dialects.dialect import Function
from forebay.entrypoints.http import http_handler
from forebay.observability import logger

handler = logger.inject_lambda_context(http_handler(Function.SEARCH, inference_engine))
