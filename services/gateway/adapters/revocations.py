"""Follows identity's revocations, so that a token ends with its session and not with its time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hongbao.identity.v1 import session_pb2, session_pb2_grpc
from services.gateway.domain.revocations import RevokedSessions
from services.gateway.settings import GatewaySettings
from services.mesh.background import start_background
from services.mesh.backoff import Backoff
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.feed.port import CursorAhead
from services.mesh.logs import get_logger
from services.mesh.shards.directory import Directory
from services.mesh.shards.waiting import wait_at_most

_log = get_logger("gateway.revocations")


class RevocationWatch:
    """Keeps revoked sessions up to date, from any one instance of identity at a time.

    While none can be reached, tokens are believed as before: they are short-lived, and people go on playing.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        channels: ChannelFactory,
        directory: Directory,
        revoked: RevokedSessions,
        clock: Clock,
    ) -> None:
        self._backoff = Backoff(settings.backoff_ms_min, settings.backoff_ms_max)
        self._silence_s = settings.gateway_revocation_silence_ms / 1000
        self._channels = channels
        self._directory = directory
        self._revoked = revoked
        self._clock = clock
        self._last_seq = 0
        self._complete = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to follow; returns when every revocation there was is known."""
        self._task = start_background(self._follow(), "follow revocations")
        await self._complete.wait()

    async def close(self) -> None:
        """Ends the following."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        while True:
            try:
                address = await self._directory.address("identity")
                await self._read(session_pb2_grpc.SessionServiceStub(self._channels.channel(address)))
            except ServiceError as error:
                self._note(error)
            await self._clock.sleep(self._backoff.next_s())

    async def _read(self, stub: session_pb2_grpc.SessionServiceAsyncStub) -> None:
        """Reads one stream for as long as it speaks. Raises what it ends with."""
        request = session_pb2.WatchRevocationsRequest(after_seq=self._last_seq)
        messages = aiter(stub.WatchRevocations(request))
        # An instance that is cut off says nothing; one that has nothing to say says so.
        while await wait_at_most(self._take(messages), self._silence_s, self._clock):
            self._backoff.reset()
        _log.warning("identity has fallen silent", silence_s=self._silence_s)

    async def _take(self, messages: AsyncIterator[Any]) -> None:
        try:
            told = await anext(messages)
        except StopAsyncIteration:
            raise ServiceError("the stream has ended") from None
        for entry in told.revocations:
            self._revoked.add(entry.session_id, entry.ends_at.ToMilliseconds())
        self._revoked.forget(self._clock.now_ms())
        self._last_seq = told.last_seq
        if told.complete:
            self._complete.set()

    def _note(self, error: ServiceError) -> None:
        _log.info("stream of revocations broke", reason=error.reason)
        if error.reason == CursorAhead.reason:
            # Another database: what is remembered stays, and what that one knows comes on top.
            self._last_seq = 0
        if error.kind is ErrorKind.UNIMPLEMENTED:
            # An identity from before there were sessions: it has revoked none.
            self._complete.set()
