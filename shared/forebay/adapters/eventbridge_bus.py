"""The bus on EventBridge: ten entries a request, each looked at in the answer."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from forebay.adapters.aws import reason
from forebay.domain.errors import TransientError
from forebay.domain.events import Event

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

_BATCH_MOST: Final = 10


_log = logging.getLogger(__name__)


class EventBridgeBus:
    """EventBus on one EventBridge bus; `detail` is the CloudEvents body, `detail-type` its type."""

    def __init__(self, client: "Callable[[], EventBridgeClient]", bus: str) -> None:
        self._client = client
        self._bus = bus

    def publish(self, events: Sequence[Event]) -> None:
        """See EventBus."""
        for start in range(0, len(events), _BATCH_MOST):
            batch = events[start : start + _BATCH_MOST]
            try:
                answer = self._client().put_events(
                    Entries=[
                        {
                            "EventBusName": self._bus,
                            "Source": event.bus_source,
                            "DetailType": event.type,
                            "Detail": event.model_dump_json(),
                        }
                        for event in batch
                    ]
                )
            except (BotoCoreError, ClientError) as error:
                raise TransientError(f"the bus failed: {reason(error)}") from error
            if answer["FailedEntryCount"]:
                raise TransientError(f"the bus refused {answer['FailedEntryCount']} events")

    def offer(self, events: Sequence[Event]) -> bool:
        """See EventBus."""
        try:
            self.publish(events)
        except TransientError as error:
            _log.warning("events not published; sweep will", extra={"events": len(events), "cause": error.message})
            return False
        return True
