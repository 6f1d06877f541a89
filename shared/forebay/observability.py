"""The logger and its fields, made once. Services log through the standard library under the name `forebay`.

Log lines are JSON: a constant message and structured fields; never a document's text, tokens or whole events.
"""

import logging

from aws_lambda_powertools import Logger

# Lambda sets the root logger to INFO. The clients say there what they found and that a missing index answers 404.
logging.getLogger("botocore").setLevel(logging.WARNING)
logging.getLogger("opensearch").setLevel(logging.ERROR)
logging.getLogger("pika").setLevel(logging.CRITICAL)  # several lines and a traceback for a broker that is down

logger = Logger(service="forebay", log_uncaught_exceptions=False)
