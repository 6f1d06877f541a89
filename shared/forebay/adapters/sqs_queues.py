"""The queues on SQS: ten messages a request, each with its tenant as message group, which makes the queues fair."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from forebay.adapters.aws import reason
from forebay.domain.commands import Command
from forebay.domain.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_log = logging.getLogger(__name__)

_BATCH_MOST: Final = 10
_DELAY_MOST: Final = 900


class SqsQueues:
    """CommandQueues on SQS; `urls` maps a queue's name to its URL."""

    def __init__(self, client: "Callable[[], SQSClient]", urls: Mapping[str, str]) -> None:
        self._client = client
        self._urls = urls

    def send(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        for queue in dict.fromkeys(command.queue for command in commands):
            mine = [command for command in commands if command.queue == queue]
            for start in range(0, len(mine), _BATCH_MOST):
                self._send_batch(queue, mine[start : start + _BATCH_MOST], min(delay_seconds, _DELAY_MOST))

    def _send_batch(self, queue: str, commands: Sequence[Command], delay_seconds: int) -> None:
        entries: list[Any] = [
            {
                "Id": str(position),
                "MessageBody": command.model_dump_json(),
                "MessageGroupId": command.tenant,
                **({"DelaySeconds": delay_seconds} if delay_seconds else {}),
            }
            for position, command in enumerate(commands)
        ]
        try:
            answer = self._client().send_message_batch(QueueUrl=self._urls[queue], Entries=entries)
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"the {queue} queue failed: {reason(error)}") from error
        if answer.get("Failed"):
            raise TransientError(f"the {queue} queue refused {len(answer['Failed'])} messages")

    def offer(self, commands: Sequence[Command], *, delay_seconds: int = 0) -> None:
        """See CommandQueues."""
        try:
            self.send(commands, delay_seconds=delay_seconds)
        except TransientError as error:
            _log.warning("commands not sent; sweep will", extra={"commands": len(commands), "cause": error.message})

    def backlog(self, queue: str) -> int:
        """See CommandQueues."""
        try:
            answer = self._client().get_queue_attributes(
                QueueUrl=self._urls[queue], AttributeNames=["ApproximateNumberOfMessages"]
            )
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"the {queue} queue failed: {reason(error)}") from error
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])
