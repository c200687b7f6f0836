"""What can go wrong with etcd, as typed errors."""

from __future__ import annotations

import grpc

from services.mesh.errors import ErrorKind, ServiceError


class EtcdUnavailable(ServiceError):
    """No endpoint answered in time. Nothing was changed, or the call changes nothing."""

    kind = ErrorKind.UNAVAILABLE
    reason = "ETCD_UNAVAILABLE"
    retry_delay_ms = 200


class EtcdOutcomeUnknown(EtcdUnavailable):
    """A change was sent and its answer was lost: it may have happened, or may still happen.

    It is not sent again by the client: doing it twice could overwrite what another did in between. Callers
    read back, or repeat a change whose conditions make it harmless.
    """

    reason = "ETCD_OUTCOME_UNKNOWN"


class CompareFailed(ServiceError):
    """A guarded write found another state than it was guarded for; nothing was changed."""

    kind = ErrorKind.ABORTED
    reason = "ETCD_COMPARE_FAILED"


class LeaseGone(ServiceError):
    """The lease has expired or was revoked, and its keys are gone with it."""

    kind = ErrorKind.PRECONDITION
    reason = "ETCD_LEASE_GONE"


class SessionLost(ServiceError):
    """The session's lease must be taken for expired, judged by the local clock."""

    kind = ErrorKind.PRECONDITION
    reason = "ETCD_SESSION_LOST"


class EtcdDenied(ServiceError):
    """The user or password is wrong, or the user may not do this."""

    kind = ErrorKind.DENIED
    reason = "ETCD_DENIED"


class EtcdRejected(ServiceError):
    """etcd refused the request for what it is, such as too large or out of space."""

    kind = ErrorKind.INTERNAL
    reason = "ETCD_REJECTED"


# An RPC that found no connection fails with this text, from grpc's load balancing, before anything is sent.
_NEVER_SENT = "failed to connect to all addresses"
# A server without a leader refuses at its door (we ask it to, with the metadata `hasleader`).
_REFUSED_UNREAD = ("etcdserver: no leader", "etcdserver: too many requests", "etcdserver: not capable")
_TOKEN_REFUSED = ("invalid auth token", "revision of auth store is old", "revision in header is old")
_DENIED = (
    "authentication failed",
    "permission denied",
    "user name is empty",
    "authentication is not enabled",
)
# How a server that lost its majority, or that stops, says that it gave up: with the code UNKNOWN.
_GAVE_UP = ("context deadline exceeded", "context canceled", "RST_STREAM")
_TRY_ELSEWHERE = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
)


def is_token_refused(error: grpc.aio.AioRpcError) -> bool:
    """Whether signing in again can help. Such a request has changed nothing."""
    return any(text in _details(error) for text in _TOKEN_REFUSED)


def is_worth_another_endpoint(error: grpc.aio.AioRpcError) -> bool:
    """Whether the trouble is with the server asked and not with the request."""
    texts = (*_REFUSED_UNREAD, *_GAVE_UP)
    return error.code() in _TRY_ELSEWHERE or any(text in _details(error) for text in texts)


def was_not_applied(error: grpc.aio.AioRpcError) -> bool:
    """Whether the failed request is certain to have changed nothing.

    Known from etcd's and grpc's texts, because the codes do not tell. Where a text is not known here, the
    answer is no, which costs a retry and never correctness.
    """
    details = _details(error)
    return details.startswith(_NEVER_SENT) or any(text in details for text in _REFUSED_UNREAD)


def translated(error: grpc.aio.AioRpcError, doing: str) -> ServiceError:
    """The typed error for a refusal that no other endpoint would answer differently."""
    details = _details(error)
    if "requested lease not found" in details:
        return LeaseGone(f"{doing}: the lease is gone", doing=doing)
    if any(text in details for text in _DENIED) or is_token_refused(error):
        return EtcdDenied(f"{doing}: etcd says {details!r}", doing=doing, details=details)
    return EtcdRejected(f"{doing}: etcd says {details!r}", doing=doing, details=details)


def _details(error: grpc.aio.AioRpcError) -> str:
    return error.details() or ""
