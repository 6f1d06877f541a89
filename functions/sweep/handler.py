"""Schedule → whatever is overdue is sent, ended, told or purged again."""

from forebay.bootstrap.core import core_engine
from forebay.entrypoints.schedule import schedule_handler
from forebay.observability import logger
from forebay.service.sweep import sweep

handler = logger.inject_lambda_context(schedule_handler(core_engine, sweep))
