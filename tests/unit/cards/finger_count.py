"""The plain model of a game: where every card is, and how all exchanges stand, counted on the fingers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.cards.domain.events import CardsDealt, Change, Deal, SetsCompleted
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_key
from services.cards.domain.exchanges.machine import GIVES_CARD, WAITING, ExchangeKind, ExchangeState
from services.cards.domain.flows.limits import ExchangeLimits
from services.cards.domain.placement import shard_of_person
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CARDS, SOURCES, Card, PersonId, Source

Exchanging = tuple[ExchangeKey, ExchangeKind, PersonId, PersonId, Card]
"""What it is known by, its kind, who gives, who receives, and what."""


@dataclass
class FingerCount:
    """All that the journals of all shards say, in any order of the shards."""

    shard_count: int
    hands: Counter[tuple[PersonId, Card]] = field(default_factory=Counter)
    issued: Counter[Card] = field(default_factory=Counter)
    issued_from: Counter[Source] = field(default_factory=Counter)
    dealt: Counter[PersonId] = field(default_factory=Counter)
    spent: int = 0
    states: dict[ExchangeKey, ExchangeState] = field(default_factory=dict)
    offered: Counter[Card] = field(default_factory=Counter)
    on_the_way: dict[ExchangeKey, tuple[PersonId, Card]] = field(default_factory=dict)
    arrived: list[ExchangeKey] = field(default_factory=list)
    begun: Counter[tuple[ExchangeKind, PersonId]] = field(default_factory=Counter)
    """Gifts by those who offered them, and asks by those who asked."""
    waiting: Counter[tuple[ExchangeKind, PersonId]] = field(default_factory=Counter)
    """Those of them that have not ended."""
    received: defaultdict[PersonId, list[tuple[PersonId, Card]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """From whom somebody got cards, and which."""

    def see(self, shard: int, change: Change) -> None:
        """One record of a shard's journal."""
        match change.event:
            case CardsDealt(deals):
                for deal in deals:
                    self._deal(deal)
            case ExchangesOpened() as opened:
                for row in _rows(opened):
                    self._begin(row)
            case ExchangesEnded() as ended:
                for row, state in zip(_rows(ended), ended.states, strict=True):
                    self._end(shard, row, ExchangeState(state))
            case ExchangesFollowed():
                self._follow(change.event)
            case SetsCompleted(_, person_ids):
                self.spent += len(person_ids)
                self.hands.subtract((PersonId(person), card) for person in person_ids for card in CARDS)

    def arrive(self) -> None:
        """Once all journals were seen: what arrived is in hands."""
        for key in self.arrived:
            # What arrives twice, or was never sent, is not there to be taken.
            self.hands[self.on_the_way.pop(key)] += 1
        self.arrived.clear()

    def hand_of(self, person: PersonId) -> tuple[int, ...]:
        return tuple(self.hands[person, card] for card in CARDS)

    def check_places(self) -> None:
        """Each issued card is in exactly one place."""
        assert min(self.hands.values(), default=0) >= 0
        for card in CARDS:
            held = sum(count for (_, kind), count in self.hands.items() if kind is card)
            on_the_way = sum(kind is card for _, kind in self.on_the_way.values())
            assert self.issued[card] == held + on_the_way + self.offered[card] + self.spent

    def check_supply(self, supply: SupplyPlan, deals_per_day_max: int) -> None:
        """No more is issued than there is, or than people may have. The whole game is on one day."""
        for card in CARDS:
            assert self.issued[card] <= supply.limits[card - 1]
        for source in SOURCES:
            assert self.issued_from[source] <= supply.quotas[source - 1]
        assert not deals_per_day_max or max(self.dealt.values(), default=0) <= deals_per_day_max

    def check_giver(self, person: PersonId, limits: ExchangeLimits) -> None:
        """Nobody gives more than they may. The whole game is on one day."""
        assert self.begun[ExchangeKind.GIFT, person] <= limits.gifts_per_day_max
        assert self.waiting[ExchangeKind.GIFT, person] <= limits.waiting_max

    def check_receiver(self, person: PersonId, limits: ExchangeLimits) -> None:
        """Nobody asks for more, or receives more, than they may. The whole game is on one day."""
        received = self.received[person]
        assert self.begun[ExchangeKind.ASK, person] <= limits.asks_per_day_max
        assert self.waiting[ExchangeKind.ASK, person] <= limits.waiting_max
        assert len(received) <= limits.received_per_day_max
        assert len({giver for giver, _ in received}) <= limits.givers_per_day_max
        assert sum(card is Card.DEDICATION for _, card in received) <= limits.rare_received_max

    def _deal(self, deal: Deal) -> None:
        people, cards = list(map(PersonId, deal.person_ids)), list(map(Card, deal.cards))
        self.issued.update(cards)
        self.issued_from[deal.source] += len(cards)
        self.dealt.update(people)
        self.hands.update(zip(people, cards, strict=True))

    def _begin(self, row: Exchanging) -> None:
        key, kind, giver, receiver, card = row
        assert key not in self.states, "an exchange begins once"
        is_gift = kind is ExchangeKind.GIFT
        self.states[key] = ExchangeState.OFFERED if is_gift else ExchangeState.OPEN
        self.hands[giver, card] -= is_gift
        self.offered[card] += is_gift
        initiator = giver if is_gift else receiver
        self.begun[kind, initiator] += 1
        self.waiting[kind, initiator] += 1

    def _follow(self, followed: ExchangesFollowed) -> None:
        for part in (one.part for one in followed.parts):
            if isinstance(part, ExchangesEnded):
                ends = zip(_rows(part), part.states, strict=True)
                self.arrived += [key for (key, *_), state in ends if state in GIVES_CARD]

    def _end(self, shard: int, row: Exchanging, state: ExchangeState) -> None:
        key, kind, giver, receiver, card = row
        is_gift = kind is ExchangeKind.GIFT
        assert self.states[key] in WAITING, "an exchange ends once"
        self.states[key] = state
        self.offered[card] -= is_gift
        self.waiting[kind, giver if is_gift else receiver] -= 1
        if state not in GIVES_CARD:
            self.hands[giver, card] += is_gift
            return
        self.hands[giver, card] -= not is_gift
        self.received[receiver].append((giver, card))
        if shard_of_person(receiver, self.shard_count) == shard:
            self.hands[receiver, card] += 1
        else:
            self.on_the_way[key] = receiver, card


def _rows(columns: ExchangesOpened | ExchangesEnded) -> Iterator[Exchanging]:
    kinds = (
        columns.kinds if isinstance(columns, ExchangesEnded) else [columns.kind.value] * len(columns.cards)
    )
    people = zip(kinds, columns.giver_ids, columns.receiver_ids, columns.cards, strict=True)
    for index, (number, giver, receiver, card) in enumerate(people):
        kind, request_id = ExchangeKind(number), columns.request_ids[16 * index : 16 * index + 16]
        key = exchange_key(kind, giver, receiver, request_id)
        yield key, kind, PersonId(giver), PersonId(receiver), Card(card)
