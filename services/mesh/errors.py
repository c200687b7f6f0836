"""Typed errors of the mesh: a kind, a reason from the contract, and the values its message speaks of.

Domain code raises subclasses of `ServiceError`. It never names a gRPC code: the server's error interceptor
turns kinds into codes, and the client side of the mesh rebuilds a `ServiceError` from what arrives.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class ErrorKind(enum.Enum):
    """What a caller can do about an error; each kind maps to exactly one gRPC code."""

    INVALID = "INVALID_ARGUMENT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    DENIED = "PERMISSION_DENIED"
    NOT_FOUND = "NOT_FOUND"
    EXISTS = "ALREADY_EXISTS"
    PRECONDITION = "FAILED_PRECONDITION"
    EXHAUSTED = "RESOURCE_EXHAUSTED"
    ABORTED = "ABORTED"
    DEADLINE = "DEADLINE_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    DATA_LOSS = "DATA_LOSS"


class ServiceError(Exception):
    """An error that has a place in a contract.

    Subclasses fix `kind`, `domain` and `reason`; an instance adds a sentence for people and the values that
    the sentence speaks of. An error that came over the wire is a plain `ServiceError` with the same fields.
    """

    kind: ErrorKind = ErrorKind.INTERNAL
    domain: str = "hongbao.mesh"
    reason: str = "INTERNAL"
    retry_delay_ms: int | None = None
    """Milliseconds after which trying again makes sense; None when it does not."""
    localized: Mapping[str, str] = MappingProxyType({})
    """One sentence for people by language tag: what is wrong, what to do. Empty where only programs ask."""
    help_url: str = ""
    """Address of a page that tells people more; empty when there is none."""

    def __init__(self, message: str, *, retry_delay_ms: int | None = None, **metadata: object) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: Mapping[str, str] = {key: str(value) for key, value in metadata.items()}
        if retry_delay_ms is not None:
            self.retry_delay_ms = retry_delay_ms

    @classmethod
    def rebuilt(
        cls,
        *,
        kind: ErrorKind,
        domain: str,
        reason: str,
        message: str,
        metadata: Mapping[str, str],
        retry_delay_ms: int | None,
        localized: Mapping[str, str] = MappingProxyType({}),
        help_url: str = "",
    ) -> ServiceError:
        """Makes the error that another service raised, from its parts on the wire."""
        error = ServiceError(message, retry_delay_ms=retry_delay_ms, **metadata)
        error.kind, error.domain, error.reason = kind, domain, reason
        error.localized, error.help_url = localized, help_url
        return error

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}"
