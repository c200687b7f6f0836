"""Calls to whichever endpoint answers: failover, bounded retries, sign-in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import grpc.aio
from etcdserverpb import rpc_pb2, rpc_pb2_grpc

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.etcd.errors import (
    EtcdDenied,
    EtcdOutcomeUnknown,
    EtcdUnavailable,
    is_token_refused,
    is_worth_another_endpoint,
    translated,
    was_not_applied,
)

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """Files for TLS; paths to PEM."""

    ca_file: Path
    """Whom to trust for the servers' certificates."""
    cert_file: Path | None = None
    """This client's certificate, when the servers ask for one."""
    key_file: Path | None = None
    """The key of `cert_file`."""

    def credentials(self) -> grpc.ChannelCredentials:
        """Reads the files. Raises OSError when one cannot be read."""
        credentials: grpc.ChannelCredentials = grpc.ssl_channel_credentials(  # type: ignore[no-untyped-call]  # grpc has no types
            root_certificates=self.ca_file.read_bytes(),
            private_key=self.key_file.read_bytes() if self.key_file else None,
            certificate_chain=self.cert_file.read_bytes() if self.cert_file else None,
        )
        return credentials


@dataclass(frozen=True, slots=True)
class EtcdLimits:
    """Bounds of every call."""

    timeout_s: float = 5.0
    """A call with all its attempts, seconds."""
    attempt_timeout_s: float = 2.0
    """One attempt at one endpoint, seconds: a server that hangs must not use up the whole timeout."""
    attempts_max: int = 64
    """Attempts of a call, over all endpoints."""
    backoff_ms_min: int = 20
    backoff_ms_max: int = 500
    """Pause after every endpoint has failed once, milliseconds; doubles from min to max."""
    message_bytes_max: int = 64 * 1024 * 1024
    """The largest answer accepted, bytes; a watch that resumes may get many events at once."""
    silence_s: float = 5.0
    """A stream silent for so long is asked for a sign of life, and given up after as long again."""


class Node:
    """One endpoint: a channel and the stubs on it."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None, limits: EtcdLimits) -> None:
        options = [
            ("grpc.max_receive_message_length", limits.message_bytes_max),
            # A server that comes back must be found soon: grpc's own default waits up to two minutes.
            ("grpc.initial_reconnect_backoff_ms", 50),
            ("grpc.min_reconnect_backoff_ms", 50),
            ("grpc.max_reconnect_backoff_ms", limits.backoff_ms_max),
            # Without its own subchannel pool, two clients of one process would share their backoff.
            ("grpc.use_local_subchannel_pool", 1),
            ("grpc.enable_http_proxy", 0),
        ]
        if credentials is None:
            self.channel = grpc.aio.insecure_channel(address, options=options)
        else:
            self.channel = grpc.aio.secure_channel(address, credentials, options=options)
        self.address = address
        self.kv = rpc_pb2_grpc.KVStub(self.channel)
        self.lease = rpc_pb2_grpc.LeaseStub(self.channel)
        self.watch = rpc_pb2_grpc.WatchStub(self.channel)
        self.auth = rpc_pb2_grpc.AuthStub(self.channel)
        self.cluster = rpc_pb2_grpc.ClusterStub(self.channel)
        self.maintenance = rpc_pb2_grpc.MaintenanceStub(self.channel)


Unary = Callable[[Node], "grpc.aio.UnaryUnaryMultiCallable[Request, Response]"]


class Transport:
    """The endpoints of one cluster. Stays with one that works, and moves to the next when it does not."""

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        user: str | None,
        password: str | None,
        tls: EtcdTls | None,
        clock: Clock,
        limits: EtcdLimits,
    ) -> None:
        if not endpoints or not all(":" in endpoint and "/" not in endpoint for endpoint in endpoints):
            raise ValueError(f"etcd endpoints must be host:port, at least one, not {list(endpoints)}")
        if (user is None) != (password is None):
            raise ValueError("an etcd user needs a password, and the other way round")
        credentials = tls.credentials() if tls else None
        self.nodes = tuple(Node(endpoint, credentials, limits) for endpoint in endpoints)
        self.clock = clock
        self.limits = limits
        self._sign_in = (
            rpc_pb2.AuthenticateRequest(name=user, password=password)
            if user is not None and password is not None
            else None
        )
        self._token: str | None = None
        # Processes of one mesh spread over the endpoints without having to agree.
        self._current = os.getpid() % len(self.nodes)

    async def call(
        self,
        doing: str,
        method: Unary[Request, Response],
        request: Request,
        *,
        repeatable: bool,
        timeout_s: float | None = None,
    ) -> Response:
        """Runs a call at one endpoint after another until one answers.

        A call that is not `repeatable` is sent again only when it is certain that nothing was changed.
        Raises EtcdUnavailable, EtcdOutcomeUnknown, and what `errors.translated` makes of refusals.
        """
        ends_s = self.clock.monotonic_s() + (timeout_s or self.limits.timeout_s)
        backoff = self.backoff()
        last_error: EtcdUnavailable | None = None
        for attempt in range(1, self.limits.attempts_max + 1):
            remaining_s = ends_s - self.clock.monotonic_s()
            if remaining_s <= 0:
                break
            node = self.current_node
            try:
                return await self._signed_in_attempt(node, doing, method, request, remaining_s, repeatable)
            except EtcdOutcomeUnknown:
                self.fail_over(node)
                raise
            except EtcdUnavailable as error:
                self.fail_over(node)
                last_error = error
            if attempt % len(self.nodes) == 0:
                await self.clock.sleep(min(backoff.next_s(), ends_s - self.clock.monotonic_s()))
        last = last_error.message if last_error else "no time for an attempt"
        raise EtcdUnavailable(f"{doing}: no endpoint answered; last: {last}", doing=doing)

    @property
    def current_node(self) -> Node:
        """The endpoint that calls and streams use until it fails."""
        return self.nodes[self._current]

    def fail_over(self, node: Node) -> None:
        """Moves on to the next endpoint; does nothing when another call has already moved away from this."""
        if node is self.current_node:
            self._current = (self._current + 1) % len(self.nodes)

    async def metadata(self, timeout_s: float) -> tuple[tuple[str, str], ...]:
        """What goes with each call: only ask members with a leader, and the token. May sign in first."""
        if self._sign_in is not None and self._token is None:
            self._token = await self._authenticate(self._sign_in, timeout_s)
        if self._token is None:
            return (("hasleader", "true"),)
        return (("hasleader", "true"), ("token", self._token))

    def forget_token(self) -> None:
        """The next call signs in anew: a token dies with the server's restart, or of age."""
        self._token = None

    def backoff(self) -> Backoff:
        """A fresh backoff with this transport's bounds."""
        return Backoff(self.limits.backoff_ms_min, self.limits.backoff_ms_max)

    async def close(self) -> None:
        """Closes all channels."""
        for node in self.nodes:
            await node.channel.close()

    async def _signed_in_attempt(
        self,
        node: Node,
        doing: str,
        method: Unary[Request, Response],
        request: Request,
        remaining_s: float,
        repeatable: bool,  # noqa: FBT001 - passed on from a keyword
    ) -> Response:
        """One attempt at one endpoint, or two when the token has to be renewed in between."""
        timeout_s = min(remaining_s, self.limits.attempt_timeout_s)
        for has_fresh_token in (self._token is None, True):
            metadata = await self.metadata(timeout_s)
            try:
                return await method(node)(request, timeout=timeout_s, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                if is_token_refused(error) and self._sign_in and not has_fresh_token:
                    self.forget_token()
                    continue
                if not is_worth_another_endpoint(error):
                    raise translated(error, doing) from error
                if not repeatable and not was_not_applied(error):
                    raise EtcdOutcomeUnknown(f"{doing}: {_said(node, error)}", doing=doing) from error
                raise EtcdUnavailable(f"{doing}: {_said(node, error)}", doing=doing) from error
        raise AssertionError("the second attempt returns or raises")

    async def _authenticate(self, request: rpc_pb2.AuthenticateRequest, timeout_s: float) -> str:
        node = self.current_node
        try:
            answer = await node.auth.Authenticate(request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            if is_worth_another_endpoint(error):
                raise EtcdUnavailable(f"sign in: {_said(node, error)}") from error
            raise EtcdDenied(f"sign in: {_said(node, error)}") from error
        return answer.token


def _said(node: Node, error: grpc.aio.AioRpcError) -> str:
    return f"{node.address}: {error.code().name} {error.details()}"
