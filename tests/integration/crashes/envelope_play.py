"""An envelope as its sender and the sender's friends live through it, and where its money must end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hongbao.allocation.v1 import envelope_events_pb2, envelope_pb2, envelope_pb2_grpc
from hongbao.social.v1 import social_pb2, social_pb2_grpc
from services.mesh.errors import ServiceError
from services.mesh.shards.directory import Directory
from services.mesh.shards.hashing import shard_of
from tests.integration.crashes.crash_mesh import PATIENCE_S, CrashMesh
from tests.integration.crashes.round_play import RoundPlay

T = TypeVar("T")
SHARES = 3
FRIENDS = 2
"""One share fewer is claimed than there are: the rest goes back."""


class EnvelopePlay:
    """Whoever won most sends it on to friends."""

    def __init__(self, mesh: CrashMesh, round_play: RoundPlay) -> None:
        won_fen = {person_id: fen for person_id, (_, _, fen) in round_play.acknowledged.items()}
        self.before_fen = won_fen
        self.sender_id = max(won_fen, key=lambda person_id: won_fen[person_id])
        self.friends = [person_id for person_id in won_fen if person_id != self.sender_id][:FRIENDS]
        self.acknowledged: dict[int, int] = {}
        """Fen that friends were told of."""
        self._mesh = mesh
        self._round_play = round_play
        self._request_id = str(uuid.uuid4())

    async def befriend(self) -> None:
        async with self._mesh.directory() as directory:
            for friend_id in self.friends:
                ask = social_pb2.RequestFriendRequest(
                    asking_person_id=self.sender_id, other_person_id=friend_id
                )
                accept = social_pb2.AcceptFriendRequest(person_id=friend_id, asking_person_id=self.sender_id)
                await self._social(directory, "RequestFriend", ask)
                await self._social(directory, "AcceptFriend", accept)

    async def live_through(self) -> None:
        """Sends it, has it claimed, and waits for its end."""
        envelope_id = await self._send()
        if envelope_id is not None:
            await asyncio.gather(*(self._claim(envelope_id, friend_id) for friend_id in self.friends))
            await self._until_ended(envelope_id)
        await self._expect_everything_in_its_place(envelope_id)

    async def _send(self) -> int | None:
        """The envelope; None when it was refused, as it was too late when settlement was asked."""
        request = envelope_pb2.SendEnvelopeRequest(
            request_id=self._request_id,
            sender_id=self.sender_id,
            kind=envelope_events_pb2.ENVELOPE_KIND_LUCKY,
            audience=envelope_events_pb2.Audience(friends=True),
            amount_fen=self.before_fen[self.sender_id],
            share_count=SHARES,
        )
        try:
            answer = await self._at(
                self.sender_id, lambda stub, timeout_s: stub.SendEnvelope(request, timeout=timeout_s)
            )
        except ServiceError as error:
            if error.reason != "ENVELOPE_REFUSED":
                raise
            return None
        return answer.envelope.envelope_id

    async def _claim(self, envelope_id: int, person_id: int) -> None:
        """Claims and asks again; whoever comes after the end gets nothing, and is told so."""
        request = envelope_pb2.ClaimEnvelopeRequest(envelope_id=envelope_id, person_id=person_id)
        for _ in range(2):
            try:
                answer = await self._at(
                    envelope_id, lambda stub, timeout_s: stub.ClaimEnvelope(request, timeout=timeout_s)
                )
            except ServiceError as error:
                if error.reason != "ENVELOPE_EXPIRED" or person_id in self.acknowledged:
                    raise
                return
            fen = answer.share.amount_fen
            assert self.acknowledged.setdefault(person_id, fen) == fen

    async def _until_ended(self, envelope_id: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not (await self._get(envelope_id)).envelope.HasField("ended_at"):  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(0.02)

    async def _expect_everything_in_its_place(self, envelope_id: int | None) -> None:
        """Acknowledged shares are on record, none twice; the hold was used or released to the last fen."""
        kept: dict[int, int] = {}
        returned_fen = self.before_fen[self.sender_id]
        if envelope_id is not None:
            found = await self._get(envelope_id)
            kept = {share.person_id: share.amount_fen for share in found.shares}
            assert len(kept) == len(found.shares)
            returned_fen = found.envelope.returned_fen
            assert sum(kept.values()) + returned_fen == self.before_fen[self.sender_id]
        # Who was not told may have a share: asking again would have told of it.
        assert self.acknowledged.items() <= kept.items()
        after_fen = {
            person_id: fen + kept.get(person_id, 0)
            for person_id, fen in self.before_fen.items()
            if person_id != self.sender_id
        }
        await self._round_play.expect_wallets({**after_fen, self.sender_id: returned_fen})

    async def _get(self, envelope_id: int) -> envelope_pb2.GetEnvelopeResponse:
        request = envelope_pb2.GetEnvelopeRequest(envelope_id=envelope_id, person_id=self.sender_id)
        return await self._at(
            envelope_id, lambda stub, timeout_s: stub.GetEnvelope(request, timeout=timeout_s)
        )

    async def _at(
        self, key: int, call: Callable[[envelope_pb2_grpc.EnvelopeServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        async def attempt(address: str, timeout_s: float) -> T:
            channel = self._mesh.gateway.channel(address)
            return await call(envelope_pb2_grpc.EnvelopeServiceStub(channel), timeout_s)

        router = self._mesh.routers["allocation"]
        return await router.call(shard_of(key, self._mesh.shards), attempt, PATIENCE_S)

    async def _social(
        self,
        directory: Directory,
        method: str,
        request: social_pb2.RequestFriendRequest | social_pb2.AcceptFriendRequest,
    ) -> None:
        async def attempt(address: str, timeout_s: float) -> None:
            stub = social_pb2_grpc.SocialServiceStub(self._mesh.gateway.channel(address))
            await getattr(stub, method)(request, timeout=timeout_s)

        await directory.call("social", attempt, PATIENCE_S)
