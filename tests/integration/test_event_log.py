"""The log of deliveries on DynamoDB: lists by job and by tenant, page by page, and asking for an event again."""

from dataclasses import replace

from forebay.adapters.dynamodb_records import DynamoDBRecords
from forebay.domain.callbacks import Callback, Means, callbacks_text
from forebay.domain.document import JobId
from forebay.domain.records import Update
from forebay.domain.requests import TextSource, Window
from forebay.service.engine import Engine
from forebay.service.redeliver import redeliver
from forebay.service.submit import submit
from forebay.service.watch_events import event_view, event_views
from tests.aws import Aws, aws
from tests.builders import TENANT, a_document_request, a_submit_job
from tests.engines import Driver, memory_engine

__all__ = ["aws"]

URL = "https://hooks.example.com/a"


def engine_on(aws: Aws) -> Engine:
    records = DynamoDBRecords(lambda: aws.dynamodb, aws.table, sleep=lambda _: None)
    return replace(memory_engine(), records=records)


def ended(engine: Engine) -> JobId:
    """A job with a webhook for everything, which has ended and was told."""
    callbacks = callbacks_text([Callback(Means.WEBHOOK, ("*",), url=URL)])
    job = submit(engine, a_submit_job([a_document_request(source=TextSource("turbine"))], callbacks=callbacks)).job
    Driver(engine).drain()
    return job.id


def walked(engine: Engine, job: JobId | None) -> list[str]:
    cursor, ids = None, []
    while True:
        views, cursor = event_views(engine, TENANT, job, Window(2, cursor))
        ids += [view.told.event.id for view in views]
        if cursor is None:
            return ids


def test_the_log_is_listed_and_an_event_told_again(aws: Aws) -> None:
    engine = engine_on(aws)
    jobs = [ended(engine) for _ in range(2)]
    of_jobs = [walked(engine, job) for job in jobs]
    last = of_jobs[1][0]
    engine.records.write(
        Update(event_view(engine, TENANT, last).job.record_key, add={"callbacks_off": frozenset({0, 3})})
    )

    view = redeliver(engine, TENANT, last)
    Driver(engine).drain()

    assert min(map(len, of_jobs)) > 2
    assert sorted(walked(engine, None)) == sorted([*of_jobs[0], *of_jobs[1]])
    assert (view.status, view.job.callbacks_off, view.told.rounds) == ("pending", frozenset({3}), 1)
    assert [attempt.number for attempt in event_view(engine, TENANT, last).told.attempts] == [1, 2]
