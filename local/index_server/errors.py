"""Refusals in OpenSearch's shape."""

from typing import Any


class Refused(Exception):
    """The request cannot be served: HTTP status, OpenSearch's error type, and a sentence."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.kind = kind
        self.reason = reason

    def cause(self) -> dict[str, Any]:
        """The error as it stands in an item of a bulk answer."""
        return {"type": self.kind, "reason": self.reason}

    def body(self) -> dict[str, Any]:
        """The error as a whole answer."""
        return {"error": {"root_cause": [self.cause()], **self.cause()}, "status": self.status}


def only(members: dict[str, Any], known: set[str], where: str, kind: str = "parsing_exception") -> None:
    """Refuse members that are not known, as OpenSearch does."""
    unknown = sorted(set(members) - known)
    if unknown:
        raise Refused(400, kind, f"unknown member [{unknown[0]}] in [{where}]")
