"""Wait for a job's end, for callers of APIs that answer only then; the gateway's patience bounds it."""

from typing import Final

from forebay.domain import keys
from forebay.domain.document import JobId
from forebay.domain.errors import TransientError
from forebay.domain.job import Job, job_of
from forebay.service.engine import Engine

WAIT_SECONDS_MOST: Final = 25.0  # an HTTP API gives up after 30
_MARGIN_SECONDS: Final = 2.0  # of the invocation, for the answer
_PAUSES: Final = (0.1, 0.2, 0.3, 0.5)  # seconds between looks; the last one again and again


def wait_for(engine: Engine, job_id: JobId) -> Job:
    """The job as it stands when it has ended, or when nobody may wait longer: see `ended`. Raises TransientError."""
    began = engine.now()
    looks = 0
    while True:
        record = engine.records.get(keys.job(job_id))
        if record is None:
            raise TransientError("the job is not there")
        job = job_of(record)
        waited = (engine.now() - began).total_seconds()
        left = min(WAIT_SECONDS_MOST - waited, engine.remaining_seconds() - _MARGIN_SECONDS)
        pause = _PAUSES[min(looks, len(_PAUSES) - 1)]
        if job.ended or left <= pause:
            return job
        engine.sleep(pause)
        looks += 1
