"""Typed errors on the wire: the only place that knows how kinds and gRPC codes correspond.

An error travels as `google.rpc.Status` with exactly one `ErrorInfo`, and `RetryInfo` where a retry makes
sense.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from services.mesh.errors import ErrorKind, ServiceError

DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata key of the serialised `google.rpc.Status`, fixed by gRPC."""
MESSAGE_CHARACTERS_MAX = 1_000
"""Messages are cut here: metadata is limited to 8 KiB in many places, and more would hide the error."""
METADATA_CHARACTERS_MAX = 500
"""As `MESSAGE_CHARACTERS_MAX`, for one value of an error's metadata."""

_CODES = {kind: grpc.StatusCode[kind.value] for kind in ErrorKind}
_KINDS = {code: kind for kind, code in _CODES.items()} | {
    # Codes that the mesh never raises but peers and gRPC itself may.
    grpc.StatusCode.CANCELLED: ErrorKind.UNAVAILABLE,
    grpc.StatusCode.OUT_OF_RANGE: ErrorKind.INVALID,
    grpc.StatusCode.UNKNOWN: ErrorKind.INTERNAL,
}
_BY_NUMBER: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
# Reasons for errors that gRPC raised itself, which carry no ErrorInfo.
_TRANSPORT_REASONS = {
    grpc.StatusCode.UNAVAILABLE: "UNREACHABLE",
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_PASSED",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "OVERLOADED",
    grpc.StatusCode.CANCELLED: "CANCELLED",
    grpc.StatusCode.UNIMPLEMENTED: "METHOD_UNKNOWN",
}


@dataclass(frozen=True, slots=True)
class WireStatus:
    """An error as gRPC sends it."""

    code: grpc.StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def to_status(error: ServiceError) -> status_pb2.Status:
    """Turns a typed error into its message, as it also stands in answers of batches."""
    status = status_pb2.Status(
        code=_CODES[error.kind].value[0], message=error.message[:MESSAGE_CHARACTERS_MAX]
    )
    metadata = {key: value[:METADATA_CHARACTERS_MAX] for key, value in error.metadata.items()}
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(reason=error.reason, domain=error.domain, metadata=metadata)
    )
    if error.retry_delay_ms is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(error.retry_delay_ms)
        status.details.add().Pack(retry)
    return status


def from_status(status: status_pb2.Status) -> ServiceError:
    """Rebuilds the typed error from its message. Without an ErrorInfo it is one of the mesh's own reasons."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    domain, reason = "hongbao.mesh", _TRANSPORT_REASONS.get(code, "INTERNAL")
    metadata: dict[str, str] = {}
    retry_delay_ms: int | None = None
    for detail in status.details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            domain, reason, metadata = info.domain, info.reason, dict(info.metadata)
        elif detail.Unpack(retry):
            retry_delay_ms = retry.retry_delay.ToMilliseconds()
    return ServiceError.rebuilt(
        kind=_KINDS.get(code, ErrorKind.INTERNAL),
        domain=domain,
        reason=reason,
        message=status.message or code.name,
        metadata=metadata,
        retry_delay_ms=retry_delay_ms,
    )


def to_wire(error: ServiceError) -> WireStatus:
    """Turns a typed error into what the server sends."""
    status = to_status(error)
    return WireStatus(_CODES[error.kind], status.message, ((DETAILS_KEY, status.SerializeToString()),))


def from_wire(failure: grpc.aio.AioRpcError) -> ServiceError:
    """Rebuilds the typed error that a call ended with, also when gRPC itself or a stranger raised it."""
    for key, value in failure.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            # A stranger's malformed details must not hide the error itself.
            with contextlib.suppress(DecodeError):
                return from_status(status_pb2.Status.FromString(value))
    return from_status(status_pb2.Status(code=failure.code().value[0], message=failure.details() or ""))
