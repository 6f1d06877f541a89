import re
from dataclasses import asdict
from pathlib import Path

import pytest

from forebay.config import MissingSettings, Settings
from forebay.domain.limits import ExtractionLimits
from forebay.service.engine import Limits

REPOSITORY = Path(__file__).parents[2]

NEEDED = {
    "FOREBAY_TABLE": "table",
    "FOREBAY_DATA_BUCKET": "data",
    "FOREBAY_UPLOADS_BUCKET": "uploads",
    "FOREBAY_BUS": "bus",
    "FOREBAY_FETCH_QUEUE": "https://fetch",
    "FOREBAY_FETCH_INTERACTIVE_QUEUE": "https://fetch-interactive",
    "FOREBAY_EXTRACT_QUEUE": "https://extract",
    "FOREBAY_EXTRACT_INTERACTIVE_QUEUE": "https://extract-interactive",
    "FOREBAY_EMBED_QUEUE": "https://embed",
    "FOREBAY_EMBED_INTERACTIVE_QUEUE": "https://embed-interactive",
    "FOREBAY_DELIVER_QUEUE": "https://deliver",
    "FOREBAY_CONTROL_QUEUE": "https://control",
    "FOREBAY_SECRETS_KEY": "arn:key",
    "FOREBAY_INDEX_ENDPOINT": "https://index",
    "FOREBAY_INDEX_NAME": "forebay",
    "FOREBAY_INDEX_SIGNING": "sigv4",
    "FOREBAY_MODEL": "/opt/model",
    "AWS_REGION": "eu-west-1",
}


def test_settings_are_read_from_the_environment() -> None:
    settings = Settings.from_environment(NEEDED | {"FOREBAY_GRACE_SECONDS": "45", "FOREBAY_ANONYMOUS_TENANT": "local"})

    assert (settings.table, settings.queues["embed"], settings.region) == ("table", "https://embed", "eu-west-1")
    assert (settings.policy.times.grace, settings.policy.anonymous_tenant) == (45, "local")


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(MissingSettings) as raised:
        Settings.from_environment({"FOREBAY_BUS": ""})

    assert all(f"{name} is missing" in str(raised.value) for name in NEEDED)


@pytest.mark.parametrize("name", NEEDED)
def test_no_resource_name_has_a_default(name: str) -> None:
    with pytest.raises(MissingSettings, match=f"^{name} is missing$"):
        Settings.from_environment({**NEEDED, name: ""})


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "1e3"])
def test_a_time_that_is_no_whole_number_is_refused(value: str) -> None:
    with pytest.raises(MissingSettings, match="FOREBAY_REDRIVE_SECONDS must be a whole number"):
        Settings.from_environment(NEEDED | {"FOREBAY_REDRIVE_SECONDS": value})


@pytest.mark.parametrize("given", ["", " ", None])
def test_without_an_anonymous_tenant_nobody_is_anonymous(given: str | None) -> None:
    more = {} if given is None else {"FOREBAY_ANONYMOUS_TENANT": given}

    assert Settings.from_environment(NEEDED | more).policy.anonymous_tenant is None


@pytest.mark.parametrize("given", ["acme:a,*:b", "acme:a *:b", " acme:a , *:b, "])
def test_allowed_buckets_are_a_list(given: str) -> None:
    settings = Settings.from_environment(NEEDED | {"FOREBAY_ALLOWED_BUCKETS": given})

    assert settings.policy.allowed_buckets == {"acme:a", "*:b"}


@pytest.mark.parametrize(
    ("given", "allowed"),
    [("*:*", {"*:*"}), ("acme:events, *:shared,beta:*", {"acme:events", "*:shared", "beta:*"}), ("", set())],
)
def test_allowed_exchanges_are_a_list_and_without_it_there_are_none(given: str, allowed: set[str]) -> None:
    settings = Settings.from_environment(NEEDED | {"FOREBAY_ALLOWED_EXCHANGES": given})

    assert settings.policy.allowed_exchanges == allowed


@pytest.mark.parametrize(("given", "allowed"), [("1", True), ("", False), ("0", False), ("true", False)])
def test_private_callbacks_are_off_unless_switched_on(given: str, allowed: bool) -> None:
    settings = Settings.from_environment(NEEDED | {"FOREBAY_ALLOW_PRIVATE_CALLBACKS": given})

    assert settings.policy.private_callbacks is allowed


@pytest.mark.parametrize(("given", "told"), [("1", True), ("", False), ("0", False)])
def test_the_ends_of_all_documents_are_told_only_when_switched_on(given: str, told: bool) -> None:
    settings = Settings.from_environment(NEEDED | {"FOREBAY_DOCUMENT_EVENTS": given})

    assert settings.policy.document_events is told


def test_limits_are_given_by_name_and_the_rest_stay_as_usual() -> None:
    policy = Settings.from_environment(
        NEEDED | {"FOREBAY_LIMITS": "pages=20, chunks=7 documents_per_hour=0 file_bytes=10"}
    ).policy

    assert policy.limits == Limits(chunks=7, file_bytes=10)
    assert policy.reading == ExtractionLimits(pages=20, file_bytes=10)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("page=20", "FOREBAY_LIMITS has no limit 'page'; there are .*page_characters, pages, "),
        ("pages", "FOREBAY_LIMITS: pages must be a whole number from 1 on, not ''"),
        ("pages=-1", "FOREBAY_LIMITS: pages must be a whole number from 1 on, not '-1'"),
        ("chunks=1 pages=0", "FOREBAY_LIMITS: pages must be a whole number from 1 on, not '0'"),
        ("documents_per_hour=many", "FOREBAY_LIMITS: documents_per_hour must be a whole number from 0 on, not 'many'"),
        ("pages = 20", "FOREBAY_LIMITS: pages must be .*has no limit ''.*has no limit '20'"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_by_name(given: str, said: str) -> None:
    with pytest.raises(MissingSettings, match=said):
        Settings.from_environment(NEEDED | {"FOREBAY_LIMITS": given})


def test_every_limit_is_documented_with_its_default() -> None:
    documented = re.findall(r"`([a-z_]+=\d+)`", (REPOSITORY / "docs/limits.md").read_text())

    limits = asdict(ExtractionLimits()) | asdict(Limits())
    assert sorted(documented) == sorted(f"{name}={default}" for name, default in limits.items())
