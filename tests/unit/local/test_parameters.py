"""Parameters come from samconfig.toml and, over it, from this start."""

from pathlib import Path

import pytest

from local.parameters import BROKER_URL_PARAMETER, ParameterError, Wishes, local_parameters

DECLARED = ("IndexEndpoint", "AnonymousTenant", "SweepAfterSeconds")
URL = "http://127.0.0.1:9200"
WISHES = Wishes(anonymous_tenant="local", allow_private_callbacks="")


def a_samconfig(folder: Path, overrides: str) -> Path:
    file = folder / "samconfig.toml"
    file.write_text(f"version = 0.1\n[local.deploy.parameters]\nparameter_overrides = {overrides}\n")
    return file


@pytest.mark.parametrize("overrides", ['"SweepAfterSeconds=30 AnonymousTenant=x"', '["SweepAfterSeconds=30"]'])
def test_samconfigs_values_for_local_hold(tmp_path: Path, overrides: str) -> None:
    values = local_parameters(DECLARED, a_samconfig(tmp_path, overrides), URL, WISHES)

    assert values["SweepAfterSeconds"] == "30"


def test_what_only_this_start_knows_wins(tmp_path: Path) -> None:
    samconfig = a_samconfig(tmp_path, '["AnonymousTenant=x", "IndexEndpoint=y"]')

    values = local_parameters(DECLARED, samconfig, URL, WISHES)

    assert values == {"IndexEndpoint": URL, "AnonymousTenant": "local"}


@pytest.mark.parametrize(
    ("configured", "wished", "limits"),
    [
        ("", "pages=2", "pages=2"),
        ("pages=1,chunks=5", "pages=2", "pages=1,chunks=5,pages=2"),
        ("pages=1", "", "pages=1"),
    ],
)
def test_limits_of_this_start_are_over_those_of_samconfig(
    configured: str, wished: str, limits: str, tmp_path: Path
) -> None:
    wishes = Wishes.from_environment({"FOREBAY_LIMITS": wished})
    samconfig = a_samconfig(tmp_path, f'["Limits={configured}"]')

    assert local_parameters((*DECLARED, "Limits"), samconfig, URL, wishes)["Limits"] == limits


@pytest.mark.parametrize(("url", "parameter"), [("amqp://127.0.0.1/", BROKER_URL_PARAMETER), ("", "")])
def test_functions_are_told_where_the_brokers_url_is_and_not_the_url(url: str, parameter: str, tmp_path: Path) -> None:
    wishes = Wishes.from_environment({"FOREBAY_BROKER_URL": url})

    values = local_parameters((*DECLARED, "BrokerUrlParameter"), tmp_path / "none.toml", URL, wishes)

    assert values["BrokerUrlParameter"] == parameter


def test_a_name_that_the_template_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="Oops"):
        local_parameters(DECLARED, a_samconfig(tmp_path, '"Oops=1"'), URL, WISHES)


def test_a_template_without_a_place_for_the_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="IndexEndpoint"):
        local_parameters(("AnonymousTenant",), tmp_path / "none.toml", URL, WISHES)


@pytest.mark.parametrize(
    ("environment", "tenant"),
    [({}, "local"), ({"FOREBAY_ANONYMOUS_TENANT": ""}, ""), ({"FOREBAY_ANONYMOUS_TENANT": "a"}, "a")],
)
def test_an_empty_anonymous_tenant_is_off_and_an_unset_one_is_local(environment: dict[str, str], tenant: str) -> None:
    assert Wishes.from_environment(environment).anonymous_tenant == tenant


def test_a_brokers_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ParameterError, match="amqp://user:password"):
        Wishes.from_environment({"FOREBAY_BROKER_URL": "localhost:5672"})
