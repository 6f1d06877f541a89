"""One SecureString parameter of Systems Manager: a secret that the operator can change while functions run."""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from forebay.adapters.aws import reason
from forebay.domain.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_log = logging.getLogger(__name__)

_KEPT_SECONDS: Final = 300
_MISSING: Final = "ParameterNotFound"


class SsmParameter:
    """The parameter's value, kept for some minutes. An empty name means that there is none."""

    def __init__(
        self, client: "Callable[[], SSMClient]", name: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._name = name
        self._clock = clock
        self._value = ""
        self._until = clock()

    def __call__(self) -> str:
        """The value; "" where no parameter is named or there is none of the name. Raises TransientError."""
        if not self._name:
            return ""
        if self._clock() >= self._until:
            self._value = self._read()
            self._until = self._clock() + (_KEPT_SECONDS if self._value else 0)
        return self._value

    def forget(self) -> None:
        """Read it anew the next time: the value turned out to be wrong."""
        self._until = self._clock()

    def _read(self) -> str:
        try:
            answer = self._client().get_parameter(Name=self._name, WithDecryption=True)
        except (BotoCoreError, ClientError) as error:
            if reason(error) == _MISSING:
                _log.warning("a parameter is missing", extra={"parameter": self._name})
                return ""
            raise TransientError(f"a parameter failed: {reason(error)}") from error
        return answer["Parameter"].get("Value", "")
