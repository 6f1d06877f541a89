"""ExpandJob → a large job's documents accepted; CancelJob → its documents ended; PublishDocument → visible;
PurgeDocument → dead runs' leavings gone."""

from forebay.bootstrap.indexed import control_engine
from forebay.domain.commands import CancelJob, ExpandJob, PublishDocument, PurgeDocument
from forebay.entrypoints.worker import commands, queue_handler
from forebay.observability import logger
from forebay.service.cancel import cancel
from forebay.service.expand import expand
from forebay.service.publish import publish
from forebay.service.purge import purge

handler = logger.inject_lambda_context(
    queue_handler(
        control_engine,
        commands({ExpandJob: expand, CancelJob: cancel, PublishDocument: publish, PurgeDocument: purge}),
    )
)
