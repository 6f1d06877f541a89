"""The engine of api: the core, and the vault that webhook secrets go into."""

from functools import cache

from forebay.adapters import aws
from forebay.adapters.kms_vault import KmsVault
from forebay.bootstrap.core import engine_with, settings
from forebay.service.engine import Engine


def vault() -> KmsVault:
    """The vault behind the key that the settings name; its client is made when it is used."""
    return KmsVault(aws.kms, settings().secrets_key)


@cache
def sealing_engine() -> Engine:
    """The core and the vault."""
    return engine_with(vault=vault())
