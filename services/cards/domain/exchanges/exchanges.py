"""The exchanges of a game on one shard, and where the cards in them are: a fold of what happened."""

from __future__ import annotations

from services.cards.domain.events import Recorded
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.identity import REQUEST_BYTES, exchange_key
from services.cards.domain.exchanges.machine import (
    GIVES_CARD,
    WAITING,
    ExchangeKind,
)
from services.cards.domain.exchanges.table import (
    CARD_OF,
    GIVER_HERE,
    RECEIVER_HERE,
    ExchangeColumns,
    ExchangeTable,
)
from services.cards.domain.exchanges.transit import Transit
from services.cards.domain.flows.counts import FlowCounts
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.vocabulary import CARDS, PersonId

_GIFT = ExchangeKind.GIFT.value
_WAITING = frozenset(state.value for state in WAITING)
_GIVES_CARD = frozenset(state.value for state in GIVES_CARD)


class Exchanges:
    """Only the `*_happened` methods change it."""

    __slots__ = ("counts", "offered", "table", "waiting_count")

    def __init__(self) -> None:
        self.table = ExchangeTable()
        self.counts = FlowCounts()
        self.offered = [0] * len(CARDS)
        """Cards that left hands of this shard for gifts that have not ended, by card."""
        self.waiting_count = 0
        """Exchanges of givers of this shard that have not ended."""

    def opened_happened(
        self, holdings: Holdings, opened: ExchangesOpened, recorded: Recorded, *, shard: int
    ) -> None:
        """Begins exchanges of givers of this shard. A gift's card leaves the hand."""
        if opened.kind is ExchangeKind.GIFT:
            time_ms, seq = opened.opened_at_ms, recorded.seq
            people = zip(opened.giver_ids, opened.receiver_ids, opened.cards, strict=True)
            for giver_id, receiver_id, card in people:
                cause = Cause(MovementKind.OFFERED, time_ms, seq, PersonId(receiver_id))
                holdings.take(PersonId(giver_id), CARD_OF[card], cause)
                self.offered[card - 1] += 1
        places = opened.receiver_shards
        sides = [GIVER_HERE | RECEIVER_HERE if place == shard else GIVER_HERE for place in places]
        self.table.begin(opened, sides, places)
        self.counts.began(opened, sides)
        self.waiting_count += len(opened.cards)

    def ended_happened(
        self,
        holdings: Holdings,
        transit: Transit,
        ended: ExchangesEnded,
        recorded: Recorded,
        *,
        shard: int,
    ) -> None:
        """Ends exchanges of givers of this shard: their cards go on, or home."""
        time_ms, seq = ended.ended_at_ms, recorded.seq
        for index, receiver_shard in enumerate(ended.receiver_shards):
            assert self._end(ended, index) & GIVER_HERE, "the giver's shard decides"
            giver_id, receiver_id = PersonId(ended.giver_ids[index]), PersonId(ended.receiver_ids[index])
            card, is_gift = CARD_OF[ended.cards[index]], ended.kinds[index] == _GIFT
            if is_gift:
                self.offered[card - 1] -= 1
            if ended.states[index] in _GIVES_CARD:
                if not is_gift:
                    holdings.take(giver_id, card, Cause(MovementKind.ANSWERED, time_ms, seq, receiver_id))
                if receiver_shard == shard:
                    holdings.put(receiver_id, card, _arrival(is_gift, time_ms, seq, giver_id))
                else:
                    transit.sent[card - 1] += 1
            elif is_gift:
                holdings.put(giver_id, card, Cause(MovementKind.RETURNED, time_ms, seq, receiver_id))
        self.waiting_count -= len(ended.cards)

    def followed_happened(
        self,
        holdings: Holdings,
        transit: Transit,
        part: ExchangesOpened | ExchangesEnded,
        recorded: Recorded,
        *,
        shard: int,
    ) -> None:
        """Keeps what another shard recorded; cards that were in transit arrive."""
        if isinstance(part, ExchangesOpened):
            count = len(part.cards)
            sides = [RECEIVER_HERE] * count
            self.table.begin(part, sides, [shard] * count)
            self.counts.began(part, sides)
            return
        for index, state in enumerate(part.states):
            assert self._end(part, index) == RECEIVER_HERE, "one's own is not followed"
            if state in _GIVES_CARD:
                card, is_gift = CARD_OF[part.cards[index]], part.kinds[index] == _GIFT
                giver_id = PersonId(part.giver_ids[index])
                transit.received[card - 1] += 1
                cause = _arrival(is_gift, recorded.time_ms, recorded.seq, giver_id)
                holdings.put(PersonId(part.receiver_ids[index]), card, cause)

    def check(self) -> None:
        """No offered card is of an exchange that has ended."""
        assert min(self.offered) >= 0, "no place holds less than nothing"
        assert sum(self.offered) <= self.waiting_count, "what is offered waits"

    def restore(self, kept: ExchangeColumns) -> None:
        """Fills an empty fold from a snapshot."""
        self.table.restore(kept)
        self.counts.restored(kept)
        table = self.table
        for side, state, kind, card in zip(table.sides, table.states, table.kinds, table.cards, strict=True):
            if side & GIVER_HERE and state in _WAITING:
                self.waiting_count += 1
                self.offered[card - 1] += kind == _GIFT

    def _end(self, ended: ExchangesEnded, index: int) -> int:
        """Ends a row; its sides."""
        request_id = ended.request_ids[index * REQUEST_BYTES : (index + 1) * REQUEST_BYTES]
        kind = ExchangeKind(ended.kinds[index])
        row = self.table.row_of(
            exchange_key(kind, ended.giver_ids[index], ended.receiver_ids[index], request_id)
        )
        assert row is not None, "what ends has begun"
        self.table.end(row, ended.states[index], ended.ended_at_ms)
        self.counts.ended(ended, index, self.table.sides[row])
        return self.table.sides[row]


def _arrival(is_gift: bool, time_ms: int, seq: int, giver_id: PersonId) -> Cause:  # noqa: FBT001 - read once above
    return Cause(MovementKind.RECEIVED if is_gift else MovementKind.GRANTED, time_ms, seq, giver_id)
