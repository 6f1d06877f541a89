"""What AWS and the index answer when they are unwell in part: moto never does, so it is put into their mouths here.

A trouble strikes at one call and, where it lasts, at the same operation's next calls. It needs no crash: everything
below is an ordinary Tuesday.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_WRITES: Final = ("dynamodb.PutItem", "dynamodb.UpdateItem", "dynamodb.DeleteItem")
_TRANSACTION: Final = ("dynamodb.TransactWriteItems",)
_ALL_WRITES: Final = (*_WRITES, *_TRANSACTION)
_READS: Final = ("dynamodb.GetItem", "dynamodb.BatchGetItem", "dynamodb.Query")
_BULK: Final = ("index.bulk",)


class Trouble(StrEnum):
    """How a call is answered instead."""

    CONFLICT = "conflict"  # another transaction holds an item, once
    CONFLICT_LASTS = "conflict_lasts"  # as often as the adapter tries
    IN_PROGRESS = (
        "in_progress"  # the transaction takes effect; its answer was lost, and the SDK's repetition came too soon
    )
    WRITTEN_TWICE = "written_twice"  # a write took effect, its answer was lost, and the SDK sent it again
    CAPACITY = "capacity"  # ProvisionedThroughputExceeded, or an item's part of a transaction throttled
    UNPROCESSED = "unprocessed"  # a batch read gives half of the items
    SENT_IN_PART = "sent_in_part"  # a queue refuses half of the messages
    SENT_TWICE = "sent_twice"  # a batch was sent, its answer was lost, and the SDK sent it again
    NOT_PUBLISHED = "not_published"  # the bus answers 200 with a failed entry
    TOLD_TWICE = "told_twice"  # an event was taken, its answer was lost, and the SDK sent it again
    SLOW_DOWN = "slow_down"  # S3 answers 503
    BULK_ITEMS_429 = "bulk_items_429"  # the index takes half of a bulk and throttles the rest
    BULK_429 = "bulk_429"  # it throttles the whole, once
    BULK_429_LASTS = "bulk_429_lasts"  # longer than the adapter is patient
    INDEX_503 = "index_503"  # a node is not there
    INDEX_500_ITEM = "index_500_item"  # one item of a bulk fails, the others are taken
    ITEM_REFUSED = "item_refused"  # one item of a bulk can never be taken: its document fails
    INDEX_TIMES_OUT = "index_times_out"  # it takes effect, but there is no answer
    COUNTED_IN_PART = "counted_in_part"  # a shard of the index does not answer

    @property
    def phase(self) -> str:
        """Neither before nor after the effect: instead of it, or about it."""
        return "wire"

    @property
    def is_crash(self) -> bool:
        """The process lives."""
        return False

    def concerns(self, name: str) -> bool:
        """Can it happen to this call?"""
        return name in STRIKES[self].operations


@dataclass(frozen=True, slots=True)
class Strike:
    """Which operations a trouble can happen to, and for how many of their calls in a row it lasts."""

    operations: tuple[str, ...]
    lasts: int = 1


STRIKES: Final[Mapping[Trouble, Strike]] = {
    Trouble.CONFLICT: Strike(_ALL_WRITES),
    Trouble.CONFLICT_LASTS: Strike(_ALL_WRITES, lasts=6),
    Trouble.IN_PROGRESS: Strike(_TRANSACTION),
    Trouble.WRITTEN_TWICE: Strike(_WRITES),
    Trouble.CAPACITY: Strike((*_ALL_WRITES, *_READS)),
    Trouble.UNPROCESSED: Strike(("dynamodb.BatchGetItem",)),
    Trouble.SENT_IN_PART: Strike(("sqs.SendMessageBatch",)),
    Trouble.SENT_TWICE: Strike(("sqs.SendMessageBatch",)),
    Trouble.NOT_PUBLISHED: Strike(("events.PutEvents",)),
    Trouble.TOLD_TWICE: Strike(("events.PutEvents",)),
    Trouble.SLOW_DOWN: Strike(
        ("s3.PutObject", "s3.GetObject", "s3.HeadObject", "s3.ListObjectsV2", "s3.DeleteObjects")
    ),
    Trouble.BULK_ITEMS_429: Strike(_BULK),
    Trouble.BULK_429: Strike(_BULK),
    Trouble.BULK_429_LASTS: Strike(_BULK, lasts=8),
    Trouble.INDEX_503: Strike(("index.count",)),
    Trouble.INDEX_500_ITEM: Strike(_BULK),
    Trouble.ITEM_REFUSED: Strike(_BULK),
    Trouble.INDEX_TIMES_OUT: Strike(_BULK),
    Trouble.COUNTED_IN_PART: Strike(("index.count",)),
}
