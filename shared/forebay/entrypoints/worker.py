"""SQS messages in, use cases out: one loop for every queue function, and the only `except` of the error tree there.

A message is acknowledged when its work is done, when its document has ended, or when the fence has moved on; it is
not acknowledged, and so comes again and ends in the dead letters, when the world is unwell or the code is wrong.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from pydantic import ValidationError

from forebay.domain.commands import COMMANDS, Command, RunCommand
from forebay.domain.errors import DocumentError, Superseded, TransientError
from forebay.service.bury import DeadLetter
from forebay.service.engine import Engine
from forebay.service.fail import fail

log = logging.getLogger(__name__)

Event = Mapping[str, Any]
Handler = Callable[[Event, "Context"], dict[str, Any]]


class Context(Protocol):
    """What we use of Lambda's context."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Until the function is stopped."""
        ...


class UnknownMessage(Exception):
    """Nobody here can read the message: it comes again, for a newer version of the function perhaps."""


Work = Callable[[Engine, Mapping[str, Any]], None]


def queue_handler(build: Callable[[], Engine], work: Work) -> Handler:
    """A handler that does `work` on each record of the batch and reports those that must come again."""

    def handle(event: Event, context: Context) -> dict[str, Any]:
        engine = replace(build(), remaining_seconds=lambda: context.get_remaining_time_in_millis() / 1000)
        failed = [record["messageId"] for record in event["Records"] if not _done(engine, work, record)]
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handle


def _done(engine: Engine, work: Work, record: Mapping[str, Any]) -> bool:
    attempt = record.get("attributes", {}).get("ApproximateReceiveCount")
    facts = {"message_id": record["messageId"], "attempt": attempt}
    try:
        work(engine, record)
    except Superseded as moved:
        log.info("superseded", extra=facts | {"cause": moved.message})
    except TransientError as unwell:
        log.warning("will be tried again", extra=facts | {"cause": unwell.message})
        return False
    except Exception:
        log.exception("message failed", extra=facts)
        return False
    return True


UseCase = Callable[[Engine, Any], None]


def commands(use_cases: Mapping[type[Command], UseCase]) -> Work:
    """Work that parses a command and does its use case; a DocumentError ends the document."""

    def work(engine: Engine, record: Mapping[str, Any]) -> None:
        command = read_command(record["body"])
        use_case = use_cases.get(type(command)) if command is not None else None
        if command is None or use_case is None:
            raise UnknownMessage("no use case here for this message")
        try:
            use_case(engine, command)
        except DocumentError as error:
            if not isinstance(command, RunCommand):
                raise
            fail(engine, command, error)

    return work


def read_command(body: str) -> Command | None:
    """The command in a message's body, None when it is none that we know."""
    try:
        return COMMANDS.validate_json(body)
    except ValidationError:
        return None


def object_events(act: Callable[[Engine, str], None]) -> Work:
    """Work that takes EventBridge's S3 events and acts on the object's key.

    EventBridge gives the key as it is; only the notifications that S3 sends itself have it URL-encoded.
    """

    def work(engine: Engine, record: Mapping[str, Any]) -> None:
        event = json.loads(record["body"])
        if event.get("Event") == "s3:TestEvent":
            return
        detail = event["detail"]
        if detail["bucket"]["name"] == engine.objects.uploads_bucket:
            act(engine, detail["object"]["key"])

    return work


def dead_letters(act: Callable[[Engine, DeadLetter], None]) -> Work:
    """Work that takes any queue's dead letters."""

    def work(engine: Engine, record: Mapping[str, Any]) -> None:
        body = record["body"]
        key = read_object_key(body, engine.objects.uploads_bucket)
        act(engine, DeadLetter(record["messageId"], body, read_command(body), key))

    return work


def read_object_key(body: str, bucket: str) -> str:
    """The key of the object in this bucket that an EventBridge S3 event is about, "" when it is none."""
    try:
        detail = json.loads(body)["detail"]
        key = detail["object"]["key"] if detail["bucket"]["name"] == bucket else ""
    except (ValueError, KeyError, TypeError):
        return ""
    return key if isinstance(key, str) else ""
