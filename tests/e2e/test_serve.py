"""`make serve` starts, says so, and leaves nothing behind."""

import os
import signal

import pytest
import requests

from tests.e2e.cloud import READY, Cloud, Serve, describe, eventually, free_port, processes_of


def test_a_request_succeeds_as_soon_as_it_is_ready(cloud: Cloud) -> None:
    assert requests.get(f"{cloud.url}/health", timeout=10).status_code == 200
    assert cloud.call("GET", "/jobs").status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_its_group_leaves_no_process(number: signal.Signals) -> None:
    serve = Serve(free_port())
    ready = serve.first_line()
    before = len(list(processes_of(serve.run)))

    serve.signal(number)
    code, rest, _ = serve.ended(within_seconds=15)

    assert (ready, rest, code) == (READY + serve.url, "", 0)
    assert before >= 3  # emulator, index server, a worker at least
    assert list(processes_of(serve.run)) == []


def test_a_lost_part_ends_it_with_one_line_that_names_the_part() -> None:
    serve = Serve(free_port())
    serve.first_line()

    os.kill(describe(serve).parts["emulator"], signal.SIGKILL)
    code, _, errors = serve.ended(within_seconds=15)

    assert code == 1
    assert "\nerror: the emulator has ended" in errors
    assert eventually(lambda: not list(processes_of(serve.run)), 15)


def test_a_port_in_use_is_one_clear_line_and_exit_code_2(serve: Serve) -> None:
    second = Serve(serve.port)
    code, out, errors = second.ended(within_seconds=15)

    assert (code, out) == (2, "")
    assert errors.count("\n") == 1
    assert f"port {serve.port} is in use" in errors


def test_bodies_and_paths_arrive_unchanged_at_the_api(cloud: Cloud) -> None:
    answer = requests.get(f"{cloud.url}/forebay/v1/nothing%2Fhere/%F0%9F%98%80?a=%2F", timeout=10)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_a_body_over_the_gateways_limit_is_413(cloud: Cloud) -> None:
    answer = requests.post(f"{cloud.url}/forebay/v1/jobs", data=b"x" * (11 * 1024 * 1024), timeout=30)

    assert answer.status_code == 413
