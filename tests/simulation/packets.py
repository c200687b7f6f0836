"""What must be true of packets at every moment, told from allocation's journals alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from services.allocation.domain.draw import draw
from services.allocation.domain.values import Packets, Seed, StockId
from services.mesh.shards.hashing import shard_of
from tests.simulation.disk import Written
from tests.simulation.processes import SHARDS, SKEW_MS_MAX


@dataclass(slots=True)
class Part:
    """One shard's part of a stock."""

    opens_ms: int
    closes_ms: int
    amounts_fen: list[int]
    """Of all packets, as the seed gives them: recomputed here."""
    won: dict[int, int] = field(default_factory=dict)
    """What each person won, fen."""
    is_closed: bool = False


class PacketRules:
    """Follows allocation's journals and raises AssertionError at the first record that may not be."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, int], Part] = {}
        """By stock and shard."""
        self.rounds_created: set[str] = set()
        self.rounds_closed: dict[str, Any] = {}

    def amount_fen(self, stock_id: str, person_id: int) -> int | None:
        """What a person won, durably; None for nothing."""
        part = self.parts.get((stock_id, shard_of(person_id, SHARDS["allocation"])))
        return None if part is None else part.won.get(person_id)

    def wins(self) -> dict[tuple[str, int], int]:
        """Everything that was won, by stock and person, fen."""
        return {
            (stock_id, person_id): amount_fen
            for (stock_id, _), part in self.parts.items()
            for person_id, amount_fen in part.won.items()
        }

    def follow(self, written: Written) -> None:
        """Takes a record in."""
        kind = written.event.WhichOneof("event")
        event = getattr(written.event, kind)
        if kind == "round_created":
            assert event.round_id not in self.rounds_created, "a round is created once"
            self.rounds_created.add(event.round_id)
        elif kind == "round_refused":
            self.rounds_created.discard(event.stock_id.partition(".")[2])
        elif kind == "stock_prepared":
            self._prepared(written.shard, event)
        elif kind == "packets_won":
            self._won(written, event)
        elif kind == "stock_closed":
            self._closed(self.parts[event.stock_id, written.shard], event)
        elif kind == "round_closed":
            assert event.stock_id not in self.rounds_closed, "a round is closed once"
            self.rounds_closed[event.stock_id] = event

    def check(self) -> None:
        """What holds once all journals were read to the same moment: rounds are the sum of their parts."""
        for stock_id, event in self.rounds_closed.items():
            parts = [self.parts[stock_id, shard] for shard in range(SHARDS["allocation"])]
            assert all(part.is_closed for part in parts), "a round is closed after all its parts"
            assert event.packets_won == sum(len(part.won) for part in parts), "the round counts every packet"
            assert event.won_fen == sum(sum(part.won.values()) for part in parts), (
                "the round counts every fen"
            )

    def _prepared(self, shard: int, event: Any) -> None:
        assert (event.stock_id, shard) not in self.parts, "a part is prepared once"
        packets = Packets(event.packet_count, event.budget_fen, event.packet_min_fen, event.packet_max_fen)
        amounts = (
            draw(Seed(event.seed), StockId(event.stock_id), shard, packets).tolist() if packets.count else []
        )
        opens_ms, closes_ms = event.opens_at.ToMilliseconds(), event.closes_at.ToMilliseconds()
        self.parts[event.stock_id, shard] = Part(opens_ms, closes_ms, amounts)

    def _won(self, written: Written, event: Any) -> None:
        part = self.parts[event.stock_id, written.shard]
        assert not part.is_closed, "nothing is won from a closed part"
        # A record's time is never before the last one's, which an owner with a faster clock may have written.
        latest_ms = part.closes_ms + 2 * SKEW_MS_MAX
        assert part.opens_ms <= written.record.time_ms < latest_ms, "packets are won in their window"
        assert event.first_packet_index == len(part.won), "packets go out in order"
        for person_id, amount_fen in zip(event.person_ids, event.amounts_fen, strict=True):
            assert shard_of(person_id, SHARDS["allocation"]) == written.shard, "people win on their shard"
            assert person_id not in part.won, f"person {person_id} won twice in {event.stock_id}"
            assert len(part.won) < len(part.amounts_fen), "never more packets than the stock"
            assert amount_fen == part.amounts_fen[len(part.won)], "each amount is the one that was drawn"
            part.won[person_id] = amount_fen

    def _closed(self, part: Part, event: Any) -> None:
        assert not part.is_closed, "a part is closed once"
        part.is_closed = True
        won_fen = sum(part.won.values())
        assert (event.packets_won, event.won_fen) == (len(part.won), won_fen), (
            "a part closes with what was won"
        )
        assert event.returned_fen == sum(part.amounts_fen) - won_fen, "what was not won is returned"
