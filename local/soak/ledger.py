"""Reads what a stack holds, past its API: the table, the buckets, the queues, the index."""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer

from local.deploy import client
from local.stack import Stack

SHOWN: Final = ("chunk", "page_first", "page_last", "char_start", "char_end", "text")

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk as the index holds it: equal where place, text and vector are."""

    number: int
    content: str  # a hash of what is shown and of the vector


@dataclass(frozen=True, slots=True)
class Indexed:
    """An entry of the index."""

    id: str
    collection: str
    run: str
    document: str
    passage: Passage


class Ledger:
    """What a running stack holds now."""

    def __init__(self, stack: Stack) -> None:
        assert stack.deployed is not None
        self._resources = stack.deployed.resources
        self._index = stack.layout.run / "index" / "index.sqlite3"
        self._dynamodb, self._sqs, self._s3 = (client(name, stack.endpoint) for name in ("dynamodb", "sqs", "s3"))

    def records(self) -> list[Record]:
        """Every record of the table."""
        read = TypeDeserializer().deserialize
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._resources["Table"], ConsistentRead=True)
        return [{name: read(value) for name, value in item.items()} for page in pages for item in page["Items"]]

    def messages(self) -> dict[str, int]:
        """Queue by logical id -> messages in it, seen, hidden or delayed; empty ones are left out."""
        kinds = ["", "NotVisible", "Delayed"]
        names = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
        counts = {}
        for logical, url in self._resources.items():
            if logical.endswith(("Queue", "DeadLetters")) and url.startswith("http"):  # mappings are named alike
                found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
                counts[logical] = sum(int(found.get(name, 0)) for name in names)
        return {logical: count for logical, count in counts.items() if count}

    def objects(self, bucket: str) -> list[str]:
        """The keys in a bucket, by its logical id."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._resources[bucket])
        return [found["Key"] for page in pages for found in page.get("Contents", [])]

    def indexed(self) -> Iterator[Indexed]:
        """Every entry of the index, those that no search can see yet included."""
        with sqlite3.connect(f"{self._index.as_uri()}?mode=ro", uri=True) as database:
            query = "SELECT id, source, vector FROM documents UNION ALL SELECT id, source, vector FROM pending"
            for id_, source, vector in database.execute(query):
                yield _indexed(id_, json.loads(source or "{}"), vector or b"")

    def send(self, queue: str, body: str) -> None:
        """Put a message into a queue, by its logical id."""
        self._sqs.send_message(QueueUrl=self._resources[queue], MessageBody=body)


def rows_of(records: Iterable[Record]) -> Iterator[tuple[str, Record]]:
    """(job, row) of every row."""
    for record in records:
        if str(record["sk"]).startswith("R#"):
            yield str(record["pk"]).split("#")[1], record


def jobs_of(records: Iterable[Record]) -> dict[str, Record]:
    """The jobs by id."""
    return {str(r["pk"]).removeprefix("JOB#"): r for r in records if r["sk"] == "META"}


def _indexed(id_: str, source: Mapping[str, Any], vector: bytes) -> Indexed:
    shown = json.dumps([source.get(name) for name in SHOWN]).encode()
    passage = Passage(int(source.get("chunk", -1)), hashlib.sha256(shown + vector).hexdigest())
    return Indexed(id_, source.get("collection", ""), source.get("run", ""), source.get("document_id", ""), passage)


def log_errors(logs: Path) -> dict[str, int]:
    """Function -> lines of its log at the level `ERROR`; functions without any are left out."""
    counts = {
        log.stem: log.read_text("utf-8", "replace").count('"level":"ERROR"') for log in sorted(logs.glob("*.log"))
    }
    return {function: count for function, count in counts.items() if count}
