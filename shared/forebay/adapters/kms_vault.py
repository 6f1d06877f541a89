"""The vault on AWS KMS: whose a secret is belongs to its encryption, so that nobody can have it opened as theirs."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from forebay.adapters.aws import reason
from forebay.domain.document import TenantId
from forebay.domain.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_PURPOSE: Final = "webhook"
# What KMS says of a text that it did not encrypt, or under another key or context.
_NOT_OURS: Final = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


class KmsVault:
    """Vault on one symmetric KMS key; what is sealed is base64. KMS takes secrets of up to 4,096 bytes."""

    def __init__(self, client: "Callable[[], KMSClient]", key: str) -> None:
        self._client = client
        self._key = key

    def seal(self, secret: str, tenant: TenantId) -> str:
        """See Vault."""
        try:
            answer = self._client().encrypt(
                KeyId=self._key, Plaintext=secret.encode(), EncryptionContext=_context(tenant)
            )
        except (BotoCoreError, ClientError) as error:
            raise TransientError(f"the key failed: {reason(error)}") from error
        return b64encode(answer["CiphertextBlob"]).decode()

    def open(self, sealed: str, tenant: TenantId) -> str:
        """See Vault."""
        encrypted = b64decode(sealed, validate=True)
        if not encrypted:
            raise ValueError("nothing is sealed there")
        try:
            answer = self._client().decrypt(
                KeyId=self._key, CiphertextBlob=encrypted, EncryptionContext=_context(tenant)
            )
        except (BotoCoreError, ClientError) as error:
            if reason(error) in _NOT_OURS:
                raise ValueError("sealed for another tenant, or not at all") from error
            raise TransientError(f"the key failed: {reason(error)}") from error
        return answer["Plaintext"].decode()


def _context(tenant: TenantId) -> Mapping[str, str]:
    return {"tenant": tenant, "purpose": _PURPOSE}
