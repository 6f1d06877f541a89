"""The lists of jobs that dialects show: oldest first, strongly consistent, each dialect its own."""

from collections.abc import Iterator
from typing import Final

from forebay.domain import keys
from forebay.domain.document import JobId, TenantId
from forebay.domain.job import Job, job_of
from forebay.domain.records import Cursor, Query, text
from forebay.service.engine import Engine
from forebay.service.pages import pages

_AT_ONCE: Final = 100


def listed_jobs(engine: Engine, tenant: TenantId, list_name: str, after: Job | None = None) -> Iterator[Job]:
    """The jobs of the list, oldest first, read as they are asked for; those after `after`, if it is given.

    Jobs that have expired are passed over. Raises TransientError.
    """
    partition = keys.listed_jobs(tenant, list_name)
    place = keys.listed_job(tenant, list_name, after.created_at, after.id) if after is not None else None
    cursor: Cursor | None = {"pk": place.pk, "sk": place.sk} if place is not None else None
    for page in pages(engine, Query(partition, limit=_AT_ONCE, after=cursor)):
        places = [keys.job(JobId(text(record, "job"))) for record in page]
        found = engine.records.get_many(places) if places else {}
        yield from (job_of(found[place]) for place in places if place in found)
