"""Who has won what, as far as this gateway has seen, and who may have won without its seeing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Packet:
    """An amount won, final."""

    amount_fen: int
    packet_index: int
    """In the winner's shard of the stock, from 0."""


class Winners:
    """Remembers packets by (stock, person), a bounded number of them; the oldest make room.

    It may forget, and the owner's answer stays the truth; but what it remembers is durable at the owner.
    """

    def __init__(self, packets_max: int) -> None:
        self._packets_max = packets_max
        self._packets: dict[tuple[str, int], Packet] = {}

    def packet(self, stock_id: str, person_id: int) -> Packet | None:
        """What the person won of the stock; None when that is not known here."""
        return self._packets.get((stock_id, person_id))

    def remember(self, stock_id: str, person_id: int, packet: Packet) -> None:
        """Keeps a packet that its owner has confirmed."""
        packets = self._packets
        if len(packets) >= self._packets_max and (stock_id, person_id) not in packets:
            del packets[next(iter(packets))]
        packets[stock_id, person_id] = packet


class Unanswered:
    """Remembers the claims whose answers never came here, a bounded number of them; the oldest make room.

    Such a claim may have won. So the person's next tap goes to the owner, whatever else is known, until one
    is answered: else somebody who did win could be told MISS, SOLD_OUT or CLOSED for the rest of the round.
    """

    def __init__(self, claims_max: int) -> None:
        self._claims_max = claims_max
        self._claims: dict[tuple[str, int], None] = {}

    def __contains__(self, claim: tuple[str, int]) -> bool:
        """Whether the claim, a stock and a person, is one of them."""
        return claim in self._claims

    def add(self, stock_id: str, person_id: int) -> None:
        """Notes that nobody knows how this claim ended."""
        claims = self._claims
        if len(claims) >= self._claims_max and (stock_id, person_id) not in claims:
            del claims[next(iter(claims))]
        claims[stock_id, person_id] = None

    def discard(self, stock_id: str, person_id: int) -> None:
        """Notes that the owner has answered."""
        self._claims.pop((stock_id, person_id), None)
