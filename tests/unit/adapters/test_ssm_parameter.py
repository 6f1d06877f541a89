"""A parameter is read seldom, but anew when it turned out to be wrong."""

import logging
from collections.abc import Mapping
from uuid import uuid4

import pytest
from botocore.exceptions import EndpointConnectionError

from forebay.adapters.ssm_parameter import SsmParameter
from forebay.domain.errors import TransientError
from tests.aws import Answer, aws, client, error, failing

__all__ = ["aws"]
pytestmark = pytest.mark.usefixtures("aws")


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


def put(value: str, name: str = "") -> str:
    """Put a secret; the parameter's name."""
    name = name or f"/forebay/{uuid4().hex}"
    client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    return name


def test_a_secret_is_read_decrypted_and_once_in_some_minutes() -> None:
    name = put("amqps://one")
    ssm, calls = failing("ssm", "GetParameter")
    clock = Clock()
    parameter = SsmParameter(lambda: ssm, name, clock=clock)

    assert [parameter() for _ in range(3)] == ["amqps://one"] * 3
    assert calls.calls == 1

    put("amqps://two", name)
    assert parameter() == "amqps://one"
    clock.seconds += 300
    assert parameter() == "amqps://two"
    assert calls.calls == 2


def test_a_secret_that_turned_out_to_be_wrong_is_read_anew() -> None:
    name = put("amqps://one")
    ssm = client("ssm")
    parameter = SsmParameter(lambda: ssm, name, clock=Clock())
    parameter()
    put("amqps://two", name)

    parameter.forget()

    assert parameter() == "amqps://two"


def test_an_empty_name_means_that_there_is_none() -> None:
    ssm, calls = failing("ssm", "GetParameter")

    assert SsmParameter(lambda: ssm, "")() == ""
    assert calls.calls == 0


def test_a_parameter_that_does_not_exist_yet_is_looked_for_each_time(caplog: pytest.LogCaptureFixture) -> None:
    name = f"/forebay/{uuid4().hex}"
    ssm = client("ssm")
    parameter = SsmParameter(lambda: ssm, name, clock=Clock())

    with caplog.at_level(logging.WARNING, "forebay"):
        assert parameter() == ""
    assert [record.message for record in caplog.records] == ["a parameter is missing"]

    put("amqps://one", name)
    assert parameter() == "amqps://one"


FAILURES: Mapping[str, Exception | Answer] = {
    "throttled": error("ThrottlingException"),
    "forbidden": error("AccessDeniedException"),
    "no connection": EndpointConnectionError(endpoint_url="https://ssm"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_parameter_that_cannot_be_read_now_is_transient(failure: str) -> None:
    ssm, _ = failing("ssm", "GetParameter", FAILURES[failure])

    with pytest.raises(TransientError):
        SsmParameter(lambda: ssm, "/forebay/broker")()
