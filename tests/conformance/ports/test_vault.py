"""The vaults against their contract, and KMS's own ways of failing."""

from collections.abc import Mapping

import pytest
from botocore.exceptions import ReadTimeoutError

from forebay.adapters.kms_vault import KmsVault
from forebay.adapters.memory_delivery import MemoryVault
from forebay.domain.errors import TransientError
from forebay.domain.ports import Vault
from tests.aws import Answer, Aws, aws, client, error, failing
from tests.builders import TENANT
from tests.conformance.ports.vault_suite import SECRET, VaultSuite

__all__ = ["aws"]


class TestMemoryVault(VaultSuite):
    @pytest.fixture
    def subject(self) -> Vault:
        return MemoryVault()


def a_key() -> str:
    """The id of a new key; to be called where AWS is mocked."""
    made: str = client("kms").create_key()["KeyMetadata"]["KeyId"]
    return made


@pytest.mark.usefixtures("aws")
class TestKmsVaultOnMoto(VaultSuite):
    @pytest.fixture
    def subject(self) -> Vault:
        kms = client("kms")
        return KmsVault(lambda: kms, a_key())


@pytest.mark.parametrize("code", ["InvalidCiphertextException", "IncorrectKeyException"])
def test_what_kms_cannot_open_with_this_key_was_sealed_elsewhere(aws: Aws, code: str) -> None:
    kms, _ = failing("kms", "Decrypt", error(code))

    with pytest.raises(ValueError, match="another tenant"):
        KmsVault(lambda: kms, "key").open("c2VhbGVk", TENANT)


FAILURES: Mapping[str, Exception | Answer] = {
    "throttled": error("ThrottlingException"),
    "disabled": error("DisabledException"),
    "forbidden": error("AccessDeniedException"),
    "no connection": ReadTimeoutError(endpoint_url="https://kms"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_key_that_cannot_be_used_now_is_transient(aws: Aws, failure: str) -> None:
    sealing, _ = failing("kms", "Encrypt", FAILURES[failure])
    opening, _ = failing("kms", "Decrypt", FAILURES[failure])

    with pytest.raises(TransientError):
        KmsVault(lambda: sealing, "key").seal(SECRET, TENANT)
    with pytest.raises(TransientError):
        KmsVault(lambda: opening, "key").open("c2VhbGVk", TENANT)
