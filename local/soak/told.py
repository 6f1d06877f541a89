"""Compares the events that a stack at rest has recorded with what their receiver heard: each difference is one line."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from local.soak.clients import EVERYTHING, TERMINAL
from local.soak.ledger import Record, jobs_of, rows_of

Event = Mapping[str, Any]

JOB: Final = "forebay.job."
ENDS: Final = frozenset(f"{JOB}{status}" for status in TERMINAL)
PROGRESS: Final = f"{JOB}progress"
DOCUMENT: Final = "forebay.document."
WORDS: Final = {"unchanged": "ready"}  # states of rows that are told by another word


def events_of(records: Sequence[Record]) -> list[Record]:
    """The records of events."""
    return [record for record in records if str(record["sk"]).startswith("E#")]


def untold(records: Sequence[Record], heard: Sequence[Event]) -> Iterator[str]:
    """What was recorded and not heard, and the other way round. Progress may be dropped, but never be late."""
    events = [(record, json.loads(record["body"])) for record in events_of(records)]
    ids, known = {event["id"] for event in heard}, {event["id"] for _, event in events}
    for record, event in events:
        states = {target["state"] for target in record["targets"].values()}
        if event["type"] != PROGRESS and (states - {"delivered"} or (states and event["id"] not in ids)):
            yield f"{event['type']} {event['id']} is {states}, and was {'' if event['id'] in ids else 'not '}heard"
    for id_ in ids - known:
        yield f"event {id_} was heard, and is not recorded"
    ended: dict[str, int] = {}
    for event in heard:
        data = event["data"]
        if event["type"] == PROGRESS and data["sequence"] < ended.get(data["job_id"], 0):
            yield f"progress {event['id']} came after the end of its job"
        if event["type"] in ENDS:
            ended[data["job_id"]] = max(ended.get(data["job_id"], 0), data["sequence"])


def unrecorded(records: Sequence[Record]) -> Iterator[str]:
    """What the state of jobs and rows implies and no event says, or more than one does."""
    jobs, ends, documents = jobs_of(records), _ends(records), _ends_of_documents(records)
    for id_, job in jobs.items():
        said = ends[id_, str(job.get("restarted") or job["created"])]
        if said != [f"{JOB}{job['state']}"]:
            yield f"job {id_} ended {job['state']}, its events say {said}"
    for id_, row in rows_of(records):
        type_ = DOCUMENT + WORDS.get(row["state"], str(row["state"]))
        wanted = (type_, str(row["sk"]).removeprefix("R#"), str(row.get("finished")))
        if f'"{EVERYTHING[0]}"' in str(jobs[id_].get("callbacks")) and wanted not in documents[id_]:
            yield f"no event says that {row['id']} of job {id_} is {row['state']}"


def _ends(records: Sequence[Record]) -> dict[tuple[str, str], list[str]]:
    """(job, epoch) → types of events of its end."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for record in events_of(records):
        if record["type"] in ENDS:
            found[record["job"], record["epoch"]].append(record["type"])
    return found


def _ends_of_documents(records: Sequence[Record]) -> dict[str, set[tuple[str, str, str]]]:
    """Job → (type, document's key, when) of each event of a document's end."""
    found: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for record in events_of(records):
        if record["type"].startswith(DOCUMENT):
            document = json.loads(record["body"])["data"]["document"]
            found[record["job"]].add((record["type"], document["key"], document["finished_at"]))
    return found
