"""Settings: the only reader of the environment. What is missing is said all at once, by name."""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Final

from forebay.domain.document import TenantId
from forebay.domain.limits import ExtractionLimits
from forebay.service.engine import Limits, Policy, Times

QUEUES: Final = (
    "fetch",
    "fetch_interactive",
    "extract",
    "extract_interactive",
    "embed",
    "embed_interactive",
    "deliver",
    "control",
)


class MissingSettings(Exception):
    """The environment lacks names that have no default, or says what cannot be."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function is told by its environment; resource names have no defaults."""

    table: str
    data_bucket: str
    uploads_bucket: str
    bus: str
    queues: Mapping[str, str]  # name → URL
    secrets_key: str  # ARN
    broker_url_parameter: str  # name; empty: there is no broker
    index_endpoint: str
    index_name: str
    index_signing: str  # none | sigv4
    region: str
    model_folder: str
    policy: Policy

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment. Raises MissingSettings naming every missing or wrong variable."""
        given = _Reader(environment if environment is not None else os.environ)
        usual = Times()
        limits = given.limits("FOREBAY_LIMITS")
        settings = cls(
            table=given.needed("FOREBAY_TABLE"),
            data_bucket=given.needed("FOREBAY_DATA_BUCKET"),
            uploads_bucket=given.needed("FOREBAY_UPLOADS_BUCKET"),
            bus=given.needed("FOREBAY_BUS"),
            queues={name: given.needed(f"FOREBAY_{name.upper()}_QUEUE") for name in QUEUES},
            secrets_key=given.needed("FOREBAY_SECRETS_KEY"),
            broker_url_parameter=given.text("FOREBAY_BROKER_URL_PARAMETER"),
            index_endpoint=given.needed("FOREBAY_INDEX_ENDPOINT"),
            index_name=given.needed("FOREBAY_INDEX_NAME"),
            index_signing=given.needed("FOREBAY_INDEX_SIGNING"),
            region=given.needed("AWS_REGION"),
            model_folder=given.needed("FOREBAY_MODEL"),
            policy=Policy(
                times=Times(
                    redrive=given.number("FOREBAY_REDRIVE_SECONDS", usual.redrive),
                    job_check=given.number("FOREBAY_JOB_CHECK_SECONDS", usual.job_check),
                    grace=given.number("FOREBAY_GRACE_SECONDS", usual.grace),
                    event_retry=given.number("FOREBAY_EVENT_RETRY_SECONDS", usual.event_retry),
                    delivery=given.number("FOREBAY_DELIVERY_SECONDS", usual.delivery),
                    publish_retry=given.number("FOREBAY_PUBLISH_RETRY_SECONDS", usual.publish_retry),
                    upload_expiry=given.number("FOREBAY_UPLOAD_EXPIRY_SECONDS", usual.upload_expiry),
                ),
                limits=Limits(**_those_of(Limits, limits)),
                reading=ExtractionLimits(**_those_of(ExtractionLimits, limits)),
                anonymous_tenant=TenantId(given.text("FOREBAY_ANONYMOUS_TENANT")) or None,
                private_callbacks=given.text("FOREBAY_ALLOW_PRIVATE_CALLBACKS") == "1",
                document_events=given.text("FOREBAY_DOCUMENT_EVENTS") == "1",
                allowed_buckets=given.words("FOREBAY_ALLOWED_BUCKETS"),
                allowed_exchanges=given.words("FOREBAY_ALLOWED_EXCHANGES"),
            ),
        )
        given.complain()
        return settings


def _those_of(bounds: type[Limits | ExtractionLimits], given: Mapping[str, int]) -> dict[str, int]:
    return {field.name: given[field.name] for field in fields(bounds) if field.name in given}


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._wrong: list[str] = []

    def needed(self, name: str) -> str:
        if not self._environment.get(name):
            self._wrong.append(f"{name} is missing")
        return self._environment.get(name, "")

    def text(self, name: str) -> str:
        return self._environment.get(name, "").strip()

    def words(self, name: str) -> frozenset[str]:
        """What stands between commas and spaces."""
        return frozenset(self.text(name).replace(",", " ").split())

    def number(self, name: str, default: int) -> int:
        value = self.text(name)
        if value and not value.isdecimal():
            self._wrong.append(f"{name} must be a whole number, not {value!r}")
            return default
        return int(value) if value else default

    def limits(self, name: str) -> dict[str, int]:
        """`name=number` pairs; a bound that both kinds have (`file_bytes`) is one."""
        known = asdict(ExtractionLimits()) | asdict(Limits())
        found: dict[str, int] = {}
        for pair in self.text(name).replace(",", " ").split():
            limit, _, value = pair.partition("=")
            if limit not in known:
                self._wrong.append(f"{name} has no limit {limit!r}; there are {', '.join(sorted(known))}")
            elif not value.isdecimal() or (known[limit] and not int(value)):  # 0 only where it is the default: no limit
                least = 1 if known[limit] else 0
                self._wrong.append(f"{name}: {limit} must be a whole number from {least} on, not {value!r}")
            else:
                found[limit] = int(value)
        return found

    def complain(self) -> None:
        if self._wrong:
            raise MissingSettings("; ".join(self._wrong))
