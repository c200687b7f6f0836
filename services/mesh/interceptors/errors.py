"""Typed errors on the wire: the only place that knows how kinds and gRPC codes correspond.

An error travels as `google.rpc.Status` with exactly one `ErrorInfo`, and `RetryInfo` where a retry makes
sense. Its sentences for people travel as `LocalizedMessage`: between services all of them, so that one in the
middle passes them on without knowing who reads them; to a person the one in their language, with `Help`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import language_of, sentence

DETAILS_KEY = "grpc-status-details-bin"
"""Trailing metadata key of the serialised `google.rpc.Status`, fixed by gRPC."""
PUSHBACK_KEY = "grpc-retry-pushback-ms"
"""Trailing metadata key by which a server tells gRPC when to try again, or with -1 not to (gRFC A6)."""
MESSAGE_CHARACTERS_MAX = 1_000
"""Messages are cut here: metadata is limited to 8 KiB in many places, and more would hide the error."""
METADATA_CHARACTERS_MAX = 500
"""As `MESSAGE_CHARACTERS_MAX`, for one value of an error's metadata, or one sentence for people."""
WIRE_STATUSES_MAX = 512
"""Errors that are kept as they were sent; about 2 KiB each."""
LANGUAGES_MAX = 8
"""Most languages of one error that are kept."""

_Link = error_details_pb2.Help.Link
_Pairs = tuple[tuple[str, str], ...]
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
_MORE = sentence("了解更多", "Learn more")
_BUSY = sentence(
    "现在人太多，请稍后再试。", "Too many people are here just now: please try again in a moment."
)
_BROKEN = sentence(
    "我们这边出了问题，请稍后再试。", "Something went wrong on our side: please try again later."
)
_ASKED_WRONGLY = sentence(
    "应用出错了，请更新后再试。", "The app made a mistake: please update it and try again."
)
# What people are told of errors that have no sentence of their own.
_BY_KIND = {
    ErrorKind.EXHAUSTED: _BUSY,
    ErrorKind.UNAVAILABLE: _BUSY,
    ErrorKind.DEADLINE: _BUSY,
    ErrorKind.ABORTED: _BUSY,
    ErrorKind.INTERNAL: _BROKEN,
    ErrorKind.DATA_LOSS: _BROKEN,
    ErrorKind.INVALID: _ASKED_WRONGLY,
    ErrorKind.UNIMPLEMENTED: _ASKED_WRONGLY,
}


@dataclass(frozen=True, slots=True)
class Reader:
    """A person who reads an error, as opposed to a service that passes it on."""

    accept_language: str
    """Which languages the person reads, as metadata `accept-language` says; empty when it is not there."""
    help_url: str
    """See `MeshSettings.help_url`."""


@dataclass(frozen=True, slots=True)
class WireStatus:
    """An error as gRPC sends it."""

    code: grpc.StatusCode
    message: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...]


def to_status(error: ServiceError, reader: Reader | None = None) -> status_pb2.Status:
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
    localized, help_ = _for_services(error) if reader is None else _for_person(error, reader)
    for locale, message in localized.items():
        status.details.add().Pack(
            error_details_pb2.LocalizedMessage(locale=locale, message=message[:METADATA_CHARACTERS_MAX])
        )
    if help_ is not None:
        status.details.add().Pack(error_details_pb2.Help(links=[help_]))
    return status


def from_status(status: status_pb2.Status) -> ServiceError:
    """Rebuilds the typed error from its message. Without an ErrorInfo it is one of the mesh's own reasons."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    domain, reason = "hongbao.mesh", _TRANSPORT_REASONS.get(code, "INTERNAL")
    metadata: dict[str, str] = {}
    retry_delay_ms: int | None = None
    localized: dict[str, str] = {}
    help_url = ""
    for detail in status.details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        told, help_ = error_details_pb2.LocalizedMessage(), error_details_pb2.Help()
        if detail.Unpack(info):
            domain, reason, metadata = info.domain, info.reason, dict(info.metadata)
        elif detail.Unpack(retry):
            retry_delay_ms = retry.retry_delay.ToMilliseconds()
        elif detail.Unpack(told) and len(localized) < LANGUAGES_MAX:
            localized[told.locale] = told.message
        elif detail.Unpack(help_) and help_.links:
            help_url = help_.links[0].url
    return ServiceError.rebuilt(
        kind=_KINDS.get(code, ErrorKind.INTERNAL),
        domain=domain,
        reason=reason,
        message=status.message or code.name,
        metadata=metadata,
        retry_delay_ms=retry_delay_ms,
        localized=localized,
        help_url=help_url,
    )


def to_wire(error: ServiceError, reader: Reader | None = None) -> WireStatus:
    """Turns a typed error into what the server sends, to a person if `reader` is given.

    Whoever floods a server is told the same over and over: that is made once, so that a refusal costs no more
    than an answer.
    """
    return _wire_status(
        error.kind,
        error.domain,
        error.reason,
        error.message[:MESSAGE_CHARACTERS_MAX],
        tuple((key, value[:METADATA_CHARACTERS_MAX]) for key, value in error.metadata.items()),
        error.retry_delay_ms,
        tuple(error.localized.items()),
        error.help_url,
        reader,
    )


def from_wire(failure: grpc.aio.AioRpcError) -> ServiceError:
    """Rebuilds the typed error that a call ended with, also when gRPC itself or a stranger raised it."""
    for key, value in failure.trailing_metadata() or ():
        if key == DETAILS_KEY and isinstance(value, bytes):
            # A stranger's malformed details must not hide the error itself.
            with contextlib.suppress(DecodeError):
                return from_status(status_pb2.Status.FromString(value))
    return from_status(status_pb2.Status(code=failure.code().value[0], message=failure.details() or ""))


def _for_services(error: ServiceError) -> tuple[Mapping[str, str], _Link | None]:
    """Every sentence of an error, and its help if it has one."""
    return error.localized, _link(error.help_url, _MORE["en"])


def _for_person(error: ServiceError, reader: Reader) -> tuple[Mapping[str, str], _Link | None]:
    """One sentence in the reader's language, and where there is more; nothing where people can do nothing."""
    sentences = error.localized or _BY_KIND.get(error.kind, {})
    if not sentences:
        return {}, None
    language = language_of(reader.accept_language)
    url = error.help_url or reader.help_url.replace("{domain}", error.domain).replace(
        "{reason}", error.reason
    )
    # A stranger's error may be told in other languages only; any is better than none.
    chosen: Mapping[str, str] = {language: sentences[language]} if language in sentences else sentences
    return chosen, _link(url, _MORE[language])


def _link(url: str, description: str) -> _Link | None:
    return error_details_pb2.Help.Link(url=url, description=description) if url else None


@lru_cache(maxsize=WIRE_STATUSES_MAX)
def _wire_status(
    kind: ErrorKind,
    domain: str,
    reason: str,
    message: str,
    metadata: _Pairs,
    retry_delay_ms: int | None,
    localized: _Pairs,
    help_url: str,
    reader: Reader | None,
) -> WireStatus:
    error = ServiceError.rebuilt(
        kind=kind,
        domain=domain,
        reason=reason,
        message=message,
        metadata=dict(metadata),
        retry_delay_ms=retry_delay_ms,
        localized=dict(localized),
        help_url=help_url,
    )
    status = to_status(error, reader)
    trailing: list[tuple[str, str | bytes]] = [(DETAILS_KEY, status.SerializeToString())]
    if kind is ErrorKind.UNAVAILABLE and domain != ServiceError.domain:
        # The service works and has said what it waits for, such as somebody's bank: at once is no use.
        trailing.append((PUSHBACK_KEY, "-1"))
    return WireStatus(_CODES[kind], status.message, tuple(trailing))
