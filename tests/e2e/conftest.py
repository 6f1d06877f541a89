"""Local stacks for the tests of this folder, with IAM enforced, started by the command that users start them with: one
as it is, and one that may reach servers on this machine."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.cloud import READY, Cloud, CloudEndpoint, Serve, describe, free_port

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep this folder's tests of each stack in one worker of pytest-xdist, so that there is one of a kind; and put
    them first, because they take longest."""
    for item in items:
        if HERE in item.path.parents:
            stack = "reaching" if "reaching" in getattr(item, "fixturenames", ()) else "local-cloud"
            item.add_marker(pytest.mark.xdist_group(stack))
            item.add_marker(pytest.mark.cloud)
    items.sort(key=lambda item: HERE not in item.path.parents)


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """The command, once it has said that it is ready."""
    with _serving({}) as running:
        yield running


@pytest.fixture(scope="session")
def reaching() -> Iterator[Cloud]:
    """A stack of its own, with private addresses allowed, and a broker's URL at which nobody listens yet."""
    nobody = f"amqp://127.0.0.1:{free_port()}/"
    with _serving({"FOREBAY_ALLOW_PRIVATE_CALLBACKS": "1", "FOREBAY_BROKER_URL": nobody}) as running:
        yield describe(running)


@contextmanager
def _serving(environment: Mapping[str, str]) -> Iterator[Serve]:
    running = Serve(free_port(), environment)
    try:
        line = running.first_line()
        if line != READY + running.url:
            running.stop()
            pytest.fail(f"the local stack did not start; see {running.run}")
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="session")
def cloud(serve: Serve) -> Cloud:
    """The stack that is up: its address, its resources, AWS clients of its administrator."""
    return describe(serve)


@pytest.fixture(scope="session")
def cloud_endpoint(cloud: Cloud) -> CloudEndpoint:
    """Endpoint and administrator's credentials of the emulator, for suites that bring clients of their own."""
    return cloud.endpoint
