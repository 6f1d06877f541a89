"""HTTP request → the dialect that owns the path; everything but search."""

from forebay.bootstrap.sealing import sealing_engine
from forebay.dialects.dialect import Function
from forebay.entrypoints.http import http_handler
from forebay.observability import logger

handler = logger.inject_lambda_context(http_handler(Function.API, sealing_engine))
