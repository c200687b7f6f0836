"""Messages in the burst of `bench isolation`: sent to friends, and watched for by everybody."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import cycle

import grpc

from hongbao.gateway.v1 import message_pb2, message_pb2_grpc
from services.cli.bench.isolation_jobs import CALL_TIMEOUT_S, Talker, Tally, lines, told

_LINES = 2
_WATCH_LINES = 2
_POLL_S = 0.05
_AGAIN_S = 0.2
_Place = tuple[int, int, int]
"""Reader, sender and number in their conversation."""


class Chat:
    """Sends messages from friend to friend, and keeps what timelines show."""

    def __init__(self, address: str, talkers: Sequence[Talker]) -> None:
        self._stubs = cycle(
            [message_pb2_grpc.MessageServiceStub(channel) for channel in lines(address, _LINES)]
        )
        self._watching = cycle(
            [message_pb2_grpc.MessageServiceStub(channel) for channel in lines(address, _WATCH_LINES)]
        )
        self._talkers = talkers
        self._pairs = cycle(
            [
                (talker, talkers[place])
                for turn in range(max(len(talker.friends) for talker in talkers))
                for talker in talkers
                for place in talker.friends[turn : turn + 1]
            ]
        )
        self.tally = Tally()
        self._accepted: dict[_Place, float] = {}
        """When each accepted message was, by where its receiver finds it."""
        self._delivered: dict[_Place, float] = {}
        self._own: set[_Place] = set()
        self.twice = self.out_of_order = self.streams_broken = 0

    async def one(self, due_s: float) -> None:
        """The next message."""
        sender, receiver = next(self._pairs)
        request = message_pb2.SendMessageRequest(
            request_id=str(uuid.uuid4()),
            peer=message_pb2.Peer(person_id=receiver.person_id),
            content=message_pb2.Content(text="新年快乐"),
        )
        answer, failure = await told(
            next(self._stubs).SendMessage(request, metadata=sender.credentials, timeout=CALL_TIMEOUT_S)
        )
        now_s = time.time()
        self.tally.note(now_s - due_s, failure)
        if failure is None:
            self._accepted[receiver.person_id, sender.person_id, answer.seq] = now_s

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Everybody watches their timeline as long as the block runs."""
        tasks = [asyncio.create_task(self._watch(talker)) for talker in self._talkers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def all_delivered(self, patience_s: float) -> None:
        """Returns when everything that was accepted has been seen, or when the patience is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self._accepted.keys() - self._delivered.keys():  # noqa: ASYNC110 - many streams fill it
                    await asyncio.sleep(_POLL_S)

    def findings(self) -> dict[str, object]:
        """What came of it, beside the tally."""
        delays_ms = [
            max(0.0, self._delivered[place] - accepted_s) * 1000
            for place, accepted_s in self._accepted.items()
            if place in self._delivered
        ]
        return {
            "delivered": len(delays_ms),
            "delivered_ms": delays_ms,
            "twice": self.twice,
            "out_of_order": self.out_of_order,
            "streams_broken": self.streams_broken,
        }

    async def _watch(self, talker: Talker) -> None:
        """Follows one timeline; a stream that breaks is opened again where it ended."""
        last_seq: dict[int, int] = {}
        while True:
            request = message_pb2.WatchInboxRequest(after_inbox_seq=talker.inbox_seq)
            try:
                stream = next(self._watching).WatchInbox(request, metadata=talker.credentials)
                async for response in stream:
                    for entry in response.entries:
                        self._take(talker, entry, last_seq)
            except grpc.aio.AioRpcError:
                self.streams_broken += 1
            await asyncio.sleep(_AGAIN_S)

    def _take(self, reader: Talker, entry: message_pb2.InboxEntry, last_seq: dict[int, int]) -> None:
        message = entry.message
        peer = message.peer.person_id
        before = last_seq.get(peer, message.seq - 1)
        self.out_of_order += entry.inbox_seq != reader.inbox_seq + 1 or message.seq != before + 1
        reader.inbox_seq, last_seq[peer] = entry.inbox_seq, message.seq
        place = (reader.person_id, message.sender_person_id, message.seq)
        if place in self._delivered or place in self._own:
            self.twice += 1
        elif message.sender_person_id == reader.person_id:
            self._own.add((reader.person_id, peer, message.seq))
        else:
            self._delivered[place] = time.time()
