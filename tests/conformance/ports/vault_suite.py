"""What every `Vault` must do. A subclass gives the `subject`."""

from base64 import b64encode

import pytest

from forebay.domain.document import TenantId
from forebay.domain.ports import Vault
from tests.builders import TENANT

OTHER = TenantId("other")
SECRET = "whsec_" + b64encode(bytes(range(64))).decode()


class VaultSuite:
    """The contract; every promise of the port's docstring."""

    @pytest.fixture
    def subject(self) -> Vault:
        raise NotImplementedError

    @pytest.mark.parametrize("secret", [SECRET, "x", "ü ☃"])
    def test_what_was_sealed_can_be_opened_again_and_again(self, subject: Vault, secret: str) -> None:
        sealed = subject.seal(secret, TENANT)

        assert [subject.open(sealed, TENANT) for _ in range(2)] == [secret, secret]

    def test_what_is_sealed_does_not_show_the_secret(self, subject: Vault) -> None:
        sealed = subject.seal(SECRET, TENANT)

        assert SECRET not in sealed
        assert sealed.isprintable()

    def test_another_tenant_cannot_open_it(self, subject: Vault) -> None:
        sealed = subject.seal(SECRET, TENANT)

        with pytest.raises(ValueError, match="another tenant"):
            subject.open(sealed, OTHER)

    @pytest.mark.parametrize("text", ["", SECRET, "AAAA", "no base64", "ü"])
    def test_what_was_never_sealed_is_no_secret(self, subject: Vault, text: str) -> None:
        with pytest.raises(ValueError, match=r"sealed|base64|padding|ASCII"):
            subject.open(text, TENANT)
