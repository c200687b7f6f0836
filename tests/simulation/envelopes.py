"""What must be true of envelopes and asks at every moment, told from allocation's journals alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hongbao.allocation.v1 import envelope_events_pb2 as pb
from services.allocation.domain.lucky import lucky_split
from services.allocation.domain.values import Seed
from services.mesh.shards.hashing import shard_of
from tests.simulation.disk import Written
from tests.simulation.packets import PacketRules
from tests.simulation.processes import SHARDS, SKEW_MS_MAX


@dataclass(slots=True)
class Sent:
    """One envelope."""

    created: Any
    amounts_fen: tuple[int, ...]
    """Of all shares, as kind and seed give them: recomputed here."""
    claimed: dict[int, int] = field(default_factory=dict)
    """What each person got, fen, in the order of claiming."""
    is_opened: bool = False
    is_refused: bool = False
    returned_fen: int | None = None
    """What went back, fen; None until it expired."""

    @property
    def claimed_fen(self) -> int:
        """All claimed shares together, fen."""
        return sum(self.claimed.values())

    @property
    def has_ended(self) -> bool:
        """Whether nothing more can happen to it."""
        is_finished = len(self.claimed) == len(self.amounts_fen)
        return self.is_refused or self.returned_fen is not None or is_finished


class EnvelopeRules:
    """Follows allocation's journals and raises AssertionError at the first record that may not be."""

    def __init__(self, packets: PacketRules) -> None:
        self.sent: dict[int, Sent] = {}
        self.asks: dict[int, Any] = {}
        self.ended_asks: set[int] = set()
        """Asks that were declined or expired."""
        self._packets = packets

    def share_fen(self, envelope_id: int, person_id: int) -> int | None:
        """What a person got out of an envelope, durably; None for nothing."""
        envelope = self.sent.get(envelope_id)
        return None if envelope is None else envelope.claimed.get(person_id)

    def received_fen(self, person_id: int) -> int:
        """What a person got out of all envelopes, fen."""
        return sum(envelope.claimed.get(person_id, 0) for envelope in self.sent.values())

    def given_fen(self, person_id: int) -> int:
        """What others, or they themselves, got out of a person's envelopes, fen."""
        own = (envelope for envelope in self.sent.values() if envelope.created.sender_id == person_id)
        return sum(envelope.claimed_fen for envelope in own)

    def follow(self, written: Written, event: pb.EnvelopeEvent) -> None:
        """Takes a record in."""
        kind = event.WhichOneof("event")
        if kind is not None:
            {
                "created": self._created,
                "opened": self._opened,
                "refused": self._refused,
                "share_claimed": self._claimed,
                "expired": self._expired,
                "ask_made": self._ask_made,
                "ask_declined": self._ask_ended,
                "ask_expired": self._ask_ended,
            }[kind](written, getattr(event, kind))

    def check(self) -> None:
        """What holds once all journals were read to the same moment."""
        sources: set[tuple[int, bytes]] = set()
        answered: set[int] = set()
        for envelope in self.sent.values():
            created = envelope.created
            if envelope.is_refused:
                continue
            if created.lineage:
                source = (created.sender_id, created.lineage[-1].SerializeToString(deterministic=True))
                assert source not in sources, "a packet is sent on once"
                sources.add(source)
                assert created.amount_fen == self._source_fen(created), "it is sent on as it was got"
            if created.ask_id:
                assert created.ask_id not in answered, "an ask is answered once"
                answered.add(created.ask_id)
                assert created.audience.person_id == self.asks[created.ask_id].asker_id, "who asked is given"
        assert not answered & self.ended_asks, "an ask ends once"

    def _source_fen(self, created: Any) -> int | None:
        source = created.lineage[-1]
        if source.WhichOneof("source") == "stock_id":
            return self._packets.amount_fen(source.stock_id, created.sender_id)
        parent = self.sent[source.envelope_id]
        assert list(created.lineage[:-1]) == list(parent.created.lineage), "the chain of parents is kept"
        return parent.claimed.get(created.sender_id)

    def _created(self, written: Written, event: Any) -> None:
        assert event.envelope_id not in self.sent, "an envelope is created once"
        shards = SHARDS["allocation"]
        assert shard_of(event.envelope_id, shards) == shard_of(event.sender_id, shards) == written.shard
        self.sent[event.envelope_id] = Sent(event, _split(event))

    def _opened(self, written: Written, event: Any) -> None:  # noqa: ARG002 - one signature for all
        envelope = self.sent[event.envelope_id]
        assert not envelope.is_opened, "an envelope opens once"
        assert not envelope.is_refused, "an envelope that was refused never opens"
        envelope.is_opened = True

    def _refused(self, written: Written, event: Any) -> None:  # noqa: ARG002 - one signature for all
        envelope = self.sent[event.envelope_id]
        assert not envelope.is_opened, "an envelope that opened is not refused"
        assert not envelope.is_refused, "an envelope is refused once"
        envelope.is_refused = True

    def _claimed(self, written: Written, event: Any) -> None:
        envelope = self.sent[event.envelope_id]
        assert envelope.is_opened, "nothing is claimed before the money is held"
        assert envelope.returned_fen is None, "nothing is claimed once the rest went back"
        # As with packets: an owner with a faster clock may have written before.
        latest_ms = envelope.created.expires_at.ToMilliseconds() + 2 * SKEW_MS_MAX
        assert written.record.time_ms < latest_ms, "shares are claimed in time"
        assert event.person_id not in envelope.claimed, "nobody gets two shares of one envelope"
        assert event.share_index == len(envelope.claimed), "shares go out in order"
        assert event.amount_fen == envelope.amounts_fen[event.share_index], "each is the one that was drawn"
        envelope.claimed[event.person_id] = event.amount_fen
        assert event.last == (len(envelope.claimed) == len(envelope.amounts_fen)), "the last share says so"

    def _expired(self, written: Written, event: Any) -> None:
        envelope = self.sent[event.envelope_id]
        assert envelope.is_opened, "what never opened does not expire"
        assert not envelope.has_ended, "an envelope ends once"
        earliest_ms = envelope.created.expires_at.ToMilliseconds() - 2 * SKEW_MS_MAX
        assert written.record.time_ms >= earliest_ms, "nothing expires before its time"
        assert event.claimed_fen == envelope.claimed_fen
        assert event.returned_fen == envelope.created.amount_fen - envelope.claimed_fen, "the rest goes back"
        envelope.returned_fen = event.returned_fen

    def _ask_made(self, written: Written, event: Any) -> None:
        assert event.ask_id not in self.asks, "an ask is made once"
        shards = SHARDS["allocation"]
        assert shard_of(event.ask_id, shards) == shard_of(event.giver_id, shards) == written.shard
        self.asks[event.ask_id] = event

    def _ask_ended(self, written: Written, event: Any) -> None:  # noqa: ARG002 - one signature for all
        assert event.ask_id in self.asks
        assert event.ask_id not in self.ended_asks, "an ask ends once"
        self.ended_asks.add(event.ask_id)


def _split(created: Any) -> tuple[int, ...]:
    shares, amount_fen = int(created.share_count), int(created.amount_fen)
    if created.kind == pb.ENVELOPE_KIND_LUCKY:
        seed = Seed(created.seed)
        return lucky_split(seed, created.envelope_id, amount_fen, shares, created.share_min_fen)
    assert amount_fen % shares == 0, "equal shares are whole fen"
    return (amount_fen // shares,) * shares
