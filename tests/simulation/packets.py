"""What must be true of packets at every moment, told from allocation's journals alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from services.allocation.domain.draw import Column, draw
from services.allocation.domain.release import released
from services.allocation.domain.values import (
    BeaconValue,
    DrawRule,
    Packets,
    ReleaseCurve,
    Seed,
    StockId,
    Window,
)
from services.mesh.shards.hashing import shard_of
from tests.simulation.disk import Written
from tests.simulation.processes import SHARDS, SKEW_MS_MAX

Packet = tuple[int, int, int]
"""The shard that drew it, its index there, and what it is worth, fen."""
Request = tuple[str, int, int, int]
"""Stock, who is asked, who asks, and the request's number."""


@dataclass(slots=True)
class Part:
    """One shard's part of a stock."""

    window: Window
    curve: ReleaseCurve
    table_ppm: tuple[int, ...]
    own_count: int
    packets: list[Packet]
    """By position. As the seed gives them, recomputed here; later also those of other shards."""
    budget_fen: int
    """What the packets drawn here are worth together."""
    draw: Callable[[BeaconValue | None], Column]
    """Recomputes them."""
    won: dict[int, int] = field(default_factory=dict)
    """What each person won, fen."""
    is_closed: bool = False
    asked: Request | None = None
    """The request that has no answer yet."""
    moved: int = 0
    """Packets that came less packets that went."""
    is_fixed: bool = False
    """Whether the amounts are drawn: with a beacon, as soon as its value is on this shard's record."""

    def fix(self, beacon: BeaconValue | None) -> None:
        """Recomputes the amounts, before anything was won or moved."""
        assert not self.is_fixed, "amounts are fixed once"
        assert len(self.packets) == self.own_count, "nothing moves before its amount is fixed"
        amounts = self.draw(beacon).tolist()
        self.packets = [
            (shard, index, amount_fen)
            for (shard, index, _), amount_fen in zip(self.packets, amounts, strict=True)
        ]
        self.is_fixed = True

    def check_release(self, time_ms: int) -> None:
        """Nobody wins or sends what is not released; what came had been released elsewhere."""
        out = released(time_ms, self.window, self.own_count, self.curve, self.table_ppm)
        assert len(self.won) <= out + self.moved, "only what is released is won or sent"


class PacketRules:
    """Follows allocation's journals and raises AssertionError at the first record that may not be."""

    def __init__(self) -> None:
        self.parts: dict[tuple[str, int], Part] = {}
        """By stock and shard."""
        self.rounds_created: set[str] = set()
        self.rounds_closed: dict[str, Any] = {}
        self.beacons: dict[str, bytes] = {}
        """What beacons have shown, by stock."""
        self.moved = 0
        """Packets that moved from one shard to another."""
        self._requested: set[Request] = set()
        self._sent: dict[Request, list[Packet]] = {}
        self._received: dict[Request, list[Packet]] = {}

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
        elif kind == "stock_opened":
            self._opened(self.parts[event.stock_id, written.shard], event)
        elif kind == "packets_won":
            self._won(written, event)
        elif kind.startswith("packets_"):
            self._move(kind, written, event)
        elif kind == "stock_closed":
            self._closed(self.parts[event.stock_id, written.shard], event)
        elif kind == "beacon_published":
            assert event.stock_id not in self.beacons, "a beacon has one value"
            self.beacons[event.stock_id] = event.value
        elif kind == "round_closed":
            assert event.stock_id not in self.rounds_closed, "a round is closed once"
            self.rounds_closed[event.stock_id] = event

    def check(self) -> None:
        """What holds once all journals were read to the same moment: nothing is lost, or counted twice."""
        assert self._sent.keys() <= self._requested, "nothing is sent unasked"
        for request, packets in self._received.items():
            # A part that is closed answers with nothing, which need not be on its record.
            assert self._sent.get(request, []) == packets, "what was sent arrives, once"
        self._check_conservation()
        for stock_id, event in self.rounds_closed.items():
            parts = [self.parts[stock_id, shard] for shard in range(SHARDS["allocation"])]
            assert all(part.is_closed for part in parts), "a round is closed after all its parts"
            assert event.packets_won == sum(len(part.won) for part in parts), "the round counts every packet"
            assert event.won_fen == sum(sum(part.won.values()) for part in parts), (
                "the round counts every fen"
            )

    def _check_conservation(self) -> None:
        """Every packet is in one part, or on its way to one."""
        here: dict[str, list[Packet]] = {}
        drawn: dict[str, int] = {}
        for (stock_id, _), part in self.parts.items():
            here.setdefault(stock_id, []).extend(part.packets)
            drawn[stock_id] = drawn.get(stock_id, 0) + part.own_count
        for request, packets in self._sent.items():
            if request not in self._received:
                here[request[0]].extend(packets)
        for stock_id, packets in here.items():
            assert len(packets) == len(set(packets)) == drawn[stock_id], "no packet is lost, or there twice"

    def _prepared(self, shard: int, event: Any) -> None:
        assert (event.stock_id, shard) not in self.parts, "a part is prepared once"
        packets = Packets(event.packet_count, event.budget_fen, event.packet_min_fen, event.packet_max_fen)
        seed, stock_id = Seed(event.seed), StockId(event.stock_id)
        self.parts[event.stock_id, shard] = part = Part(
            Window(event.opens_at.ToMilliseconds(), event.closes_at.ToMilliseconds()),
            ReleaseCurve(event.release_curve),
            tuple(event.release_table_ppm),
            packets.count,
            [(shard, index, 0) for index in range(packets.count)],
            budget_fen=packets.budget_fen,
            draw=partial(draw, seed, stock_id, shard, packets),
        )
        if event.draw_rule == DrawRule.SEED:
            part.fix(None)

    def _opened(self, part: Part, event: Any) -> None:
        assert not part.is_closed, "a part is not opened after its end"
        value = self.beacons.get(event.stock_id)
        assert event.beacon_value == value, "a part is opened with what is on record at home, and after that"
        part.fix(BeaconValue(event.beacon_value))

    def _won(self, written: Written, event: Any) -> None:
        part = self.parts[event.stock_id, written.shard]
        assert not part.is_closed, "nothing is won from a closed part"
        assert part.is_fixed, "nothing is won before the beacon has shown its value"
        # A record's time is never before the last one's, which an owner with a faster clock may have written.
        latest_ms = part.window.closes_ms + 2 * SKEW_MS_MAX
        assert part.window.opens_ms <= written.record.time_ms < latest_ms, "packets are won in their window"
        assert event.first_packet_index == len(part.won), "packets go out in order"
        for person_id, amount_fen in zip(event.person_ids, event.amounts_fen, strict=True):
            assert shard_of(person_id, SHARDS["allocation"]) == written.shard, "people win on their shard"
            assert person_id not in part.won, f"person {person_id} won twice in {event.stock_id}"
            assert len(part.won) < len(part.packets), "never more packets than the stock"
            assert amount_fen == part.packets[len(part.won)][2], "each amount is the one that was drawn"
            part.won[person_id] = amount_fen
        part.check_release(written.record.time_ms)

    def _move(self, kind: str, written: Written, event: Any) -> None:
        part = self.parts[event.stock_id, written.shard]
        assert not part.is_closed, "nothing moves from or to a closed part"
        if kind == "packets_requested":
            request = (event.stock_id, event.from_shard, written.shard, event.no)
            assert part.asked is None, "one request at a time"
            assert request not in self._requested, "a request is made once"
            self._requested.add(request)
            part.asked = request
        elif kind == "packets_sent":
            self._send((event.stock_id, written.shard, event.to_shard, event.no), part, event)
            part.check_release(written.record.time_ms)
        else:
            request = (event.stock_id, event.from_shard, written.shard, event.no)
            assert part.asked == request, "an answer belongs to its request"
            part.asked = None
            packets = self._received[request] = _packets(event)
            part.packets += packets
            part.moved += len(packets)

    def _send(self, request: Request, part: Part, event: Any) -> None:
        assert request not in self._sent, "a request is answered once"
        packets = self._sent[request] = _packets(event)
        if packets:
            left = part.packets[len(part.won) :]
            assert left[-len(packets) :] == packets, "what is sent was here, and not won"
            del part.packets[-len(packets) :]
        part.moved -= len(packets)
        self.moved += len(packets)

    def _closed(self, part: Part, event: Any) -> None:
        assert not part.is_closed, "a part is closed once"
        assert part.asked is None, "nothing is on its way to a closed part"
        part.is_closed = True
        won_fen = sum(part.won.values())
        assert (event.packets_won, event.won_fen) == (len(part.won), won_fen), (
            "a part closes with what was won"
        )
        here_fen = sum(amount_fen for _, _, amount_fen in part.packets) if part.is_fixed else part.budget_fen
        assert event.returned_fen == here_fen - won_fen, "what was not won is returned"


def _packets(event: Any) -> list[Packet]:
    identities = [
        (lot.drawn_shard, lot.first_drawn_index + step)
        for lot in event.lots
        for step in range(lot.packet_count)
    ]
    assert sum(event.amounts_fen) == event.amount_fen, "the sum is the sum"
    return [
        (shard, index, amount_fen)
        for (shard, index), amount_fen in zip(identities, event.amounts_fen, strict=True)
    ]
