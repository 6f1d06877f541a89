from forebay.domain.job import Job
from forebay.domain.requests import TextSource
from forebay.service.lists import listed_jobs
from tests.builders import TENANT, a_document_request, a_submit_job
from tests.unit.service.scene import Scene


def listed(scene: Scene, after: Job | None = None) -> list[str]:
    return [job.id for job in listed_jobs(scene.engine, TENANT, "tasks", after)]


def some_jobs(scene: Scene, count: int, documents: int = 1) -> list[Job]:
    jobs = []
    for number in range(count):
        wanted = [a_document_request(f"d{number}-{each}", TextSource("words")) for each in range(documents)]
        jobs.append(scene.submit(a_submit_job(wanted, listed_in="tasks")))
        scene.clock.move(1)
    return jobs


def test_a_list_has_its_jobs_oldest_first_at_once(scene: Scene) -> None:
    jobs = some_jobs(scene, 3)
    scene.submit()

    assert listed(scene) == [job.id for job in jobs]


def test_a_list_goes_on_after_a_job(scene: Scene) -> None:
    jobs = some_jobs(scene, 3)

    assert listed(scene, after=jobs[0]) == [job.id for job in jobs[1:]]


def test_a_large_job_is_listed_too(scene: Scene) -> None:
    jobs = some_jobs(scene, 1, documents=40)

    assert listed(scene) == [jobs[0].id]


def test_a_long_list_is_read_to_its_end(scene: Scene) -> None:
    jobs = some_jobs(scene, 130)

    assert listed(scene) == [job.id for job in jobs]


def test_an_expired_job_is_passed_over(scene: Scene) -> None:
    first, second = some_jobs(scene, 2)
    del scene.records.records[first.record_key]

    assert listed(scene) == [second.id]
