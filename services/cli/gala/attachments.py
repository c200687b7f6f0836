"""What people sent along in messages, and how it must have ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from hongbao.gateway.v1 import message_pb2 as pb
from services.cli.gala.people import Player
from services.cli.gala.timelines import Conversation

TOLD_MAX = 24
"""Packets, and cards, that are sent along at most."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something that was sent along in a message, and whether what the message says of it is right."""

    conversation: Conversation
    seq: int
    reader: Player
    fits: Callable[[pb.AttachmentStatus], bool]


@dataclass(slots=True)
class SentAlong:
    """All of it so far."""

    packets: list[Shown] = field(default_factory=list)
    cards: list[Shown] = field(default_factory=list)
    _begun: Counter[str] = field(default_factory=Counter)

    def begin(self, what: str) -> bool:
        """Whether one more of a kind may be told of; from then on it counts."""
        self._begun[what] += 1
        return self._begun[what] <= TOLD_MAX


def packet_fits(got: Mapping[int, int]) -> Callable[[pb.AttachmentStatus], bool]:
    """Whether a message says of an envelope what people were told they got out of it, fen by person."""

    def fits(status: pb.AttachmentStatus) -> bool:
        is_out = status.shares_claimed == status.share_count
        return (
            status.state == (pb.ATTACHMENT_STATE_SOLD_OUT if is_out else pb.ATTACHMENT_STATE_OPEN)
            and status.claimed_fen == sum(got.values())
            and {claim.person_id: claim.amount_fen for claim in status.claims} == dict(got)
        )

    return fits
