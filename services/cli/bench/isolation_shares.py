"""Shares in the burst of `bench isolation`: envelopes for friends, and friends who claim them."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle

from hongbao.gateway.v1 import envelope_pb2, envelope_pb2_grpc
from services.cli.bench.isolation_jobs import CALL_TIMEOUT_S, Talker, Tally, lines, told

_LINES = 2
_SHARES = 2
_SHARE_FEN = 1
_LOOK_PAUSE_S = 0.1


@dataclass(slots=True)
class _Sent:
    """An envelope that was accepted, and what was told about its shares."""

    sender: Talker
    claimed_by: set[int] = field(default_factory=set)
    """People who were told that they have a share."""
    maybe: set[int] = field(default_factory=set)
    """People who were told nothing in time."""


class Shares:
    """Sends envelopes and claims them, one thing after the other."""

    def __init__(self, address: str, talkers: Sequence[Talker]) -> None:
        channels = lines(address, _LINES)
        self._stubs = cycle([envelope_pb2_grpc.EnvelopeServiceStub(channel) for channel in channels])
        self._talkers = talkers
        self._senders = cycle(talkers)
        self._waiting: deque[tuple[int, Talker]] = deque()
        """Envelopes, and a friend who has not claimed yet."""
        self._sent: dict[int, _Sent] = {}
        self.tally = Tally()
        self.wrong = 0
        """Envelopes that do not say what people were told."""

    async def one(self, due_s: float) -> None:
        """The next share: a claim if there is an envelope to be claimed, else an envelope."""
        if self._waiting:
            await self._claim(due_s, *self._waiting.popleft())
        else:
            await self._send(due_s, next(self._senders))

    async def look_up(self, patience_s: float) -> None:
        """Compares every envelope with what people were told of it; at leisure, as the lane takes it."""
        until_s = time.time() + patience_s
        for envelope_id, sent in self._sent.items():
            request = envelope_pb2.GetEnvelopeRequest(envelope_id=envelope_id, page_size=_SHARES)
            while True:
                answer, failure = await told(
                    next(self._stubs).GetEnvelope(
                        request, metadata=sent.sender.credentials, timeout=CALL_TIMEOUT_S
                    )
                )
                if failure is None or time.time() > until_s:
                    break
                await asyncio.sleep(max(_LOOK_PAUSE_S, (failure.retry_delay_ms or 0) / 1000))
            self.wrong += answer is None or not _agrees(sent, answer)

    def findings(self) -> dict[str, int]:
        """What came of it, beside the tally."""
        return {"envelopes": len(self._sent), "wrong": self.wrong}

    async def _send(self, due_s: float, sender: Talker) -> None:
        request = envelope_pb2.SendEnvelopeRequest(
            request_id=str(uuid.uuid4()),
            kind=envelope_pb2.ENVELOPE_KIND_EQUAL,
            audience=envelope_pb2.Audience(friends=True),
            amount_fen=_SHARES * _SHARE_FEN,
            share_count=_SHARES,
        )
        answer, failure = await told(
            next(self._stubs).SendEnvelope(request, metadata=sender.credentials, timeout=CALL_TIMEOUT_S)
        )
        self.tally.note(time.time() - due_s, failure)
        if failure is None:
            envelope_id = answer.envelope.envelope_id
            self._sent[envelope_id] = _Sent(sender)
            self._waiting.extend((envelope_id, self._talkers[place]) for place in sender.friends[:_SHARES])

    async def _claim(self, due_s: float, envelope_id: int, friend: Talker) -> None:
        request = envelope_pb2.ClaimEnvelopeRequest(envelope_id=envelope_id)
        answer, failure = await told(
            next(self._stubs).ClaimEnvelope(request, metadata=friend.credentials, timeout=CALL_TIMEOUT_S)
        )
        self.tally.note(time.time() - due_s, failure)
        sent = self._sent[envelope_id]
        if failure is None:
            sent.claimed_by.add(friend.person_id)
            self.wrong += answer.share.amount_fen != _SHARE_FEN
        elif failure.kind.value == "RESOURCE_EXHAUSTED":
            self._waiting.append((envelope_id, friend))
        else:
            sent.maybe.add(friend.person_id)


def _agrees(sent: _Sent, answer: envelope_pb2.GetEnvelopeResponse) -> bool:
    have = [share.person_id for share in answer.shares]
    return (
        len(set(have)) == len(have)
        and sent.claimed_by <= set(have) <= sent.claimed_by | sent.maybe
        and all(share.amount_fen == _SHARE_FEN for share in answer.shares)
    )
