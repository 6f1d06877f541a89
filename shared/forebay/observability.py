"""The logger and its fields, made once. Services log through the standard library under the name `forebay`.

Log lines are JSON: a constant message and structured fields; never a document's text, tokens or whole events.
"""

from aws_lambda_powertools import Logger

logger = Logger(service="forebay", log_uncaught_exceptions=False)
