"""The values of the template's parameters on this machine; called by `local.deploy`."""

import os
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

YES: Final = frozenset({"1", "true", "yes", "on"})
ENVIRONMENT: Final = "local"  # the environment's name in samconfig.toml
BROKER_URL_PARAMETER: Final = "/forebay/broker-url"  # where the functions find the broker's URL, a secret
BROKER_SCHEMES: Final = ("amqp://", "amqps://")


class ParameterError(Exception):
    """samconfig.toml, the template and the environment do not fit together; the message says how."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who starts the stack can choose, from the environment that make passes through."""

    anonymous_tenant: str  # "" = requests without a key are refused
    allow_private_callbacks: str  # "1" or ""
    limits: str = ""  # beside those of samconfig, over which they are
    broker_url: str = ""  # "" = there is no broker

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Wishes":
        """Read FOREBAY_ANONYMOUS_TENANT (unset = `local`, set but empty = off), FOREBAY_ALLOW_PRIVATE_CALLBACKS,
        which lets webhooks be http, the broker's URL begin with amqp://, and webhooks and url sources lead to private
        addresses, FOREBAY_LIMITS, and FOREBAY_BROKER_URL. Raises ParameterError for a broker's URL that is none."""
        broker_url = environment.get("FOREBAY_BROKER_URL", "").strip()
        if broker_url and not broker_url.startswith(BROKER_SCHEMES):
            raise ParameterError("FOREBAY_BROKER_URL must be like amqp://user:password@127.0.0.1/")
        return cls(
            anonymous_tenant=environment.get("FOREBAY_ANONYMOUS_TENANT", "local"),
            allow_private_callbacks="1" if environment.get("FOREBAY_ALLOW_PRIVATE_CALLBACKS", "") in YES else "",
            limits=environment.get("FOREBAY_LIMITS", "").strip(),
            broker_url=broker_url,
        )


def local_parameters(declared: Iterable[str], samconfig: Path, index_url: str, wishes: Wishes) -> dict[str, str]:
    """Return parameter -> value: samconfig's for `local`, and over them what only this start can know.

    Raises ParameterError when samconfig names a parameter that the template does not declare,
    or the template has none for the index.
    """
    known = set(declared)
    chosen = read_samconfig(samconfig)
    if unknown := sorted(chosen.keys() - known):
        raise ParameterError(f"{samconfig.name} sets {', '.join(unknown)} for `local`, which template.yaml lacks")
    if "IndexEndpoint" not in known:
        raise ParameterError("template.yaml declares no parameter IndexEndpoint, so the local index cannot be named")
    of_this_start = {
        "IndexEndpoint": index_url,
        "AnonymousTenant": wishes.anonymous_tenant,
        "AllowPrivateCallbacks": wishes.allow_private_callbacks,
        "BrokerUrlParameter": BROKER_URL_PARAMETER if wishes.broker_url else "",
        "Limits": ",".join(filter(None, (chosen.get("Limits", ""), wishes.limits))),
    }
    return chosen | {name: value for name, value in of_this_start.items() if name in known}


def read_samconfig(samconfig: Path) -> dict[str, str]:
    """The `parameter_overrides` of environment `local` (a string or a list of `Name=value`); {} without the file."""
    if not samconfig.exists():
        return {}
    tables: dict[str, Any] = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    overrides = tables.get(ENVIRONMENT, {}).get("deploy", {}).get("parameters", {}).get("parameter_overrides", [])
    words = shlex.split(overrides) if isinstance(overrides, str) else [str(word) for word in overrides]
    pairs = [word.partition("=") for word in words]
    return {name: value.strip('"') for name, _, value in pairs}
