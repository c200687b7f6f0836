"""What stands against offering a card or asking for one: decided for a batch, in order, changing nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.cards.domain.errors import CardsError
from services.cards.domain.exchanges.errors import CardNotHeld, NotFriends, RequestIdReused
from services.cards.domain.exchanges.events import ExchangesOpened
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_key, request_text
from services.cards.domain.exchanges.limits import OpeningLimits
from services.cards.domain.exchanges.machine import BEGINNING, ExchangeKind
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.flows.limits import WIDEST, ExchangeLimits
from services.cards.domain.game import ShardGame
from services.cards.domain.opening import check_open, refusal
from services.cards.domain.vocabulary import CARDS, Card, PersonId

Pair = tuple[PersonId, PersonId]
"""Giver and receiver."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A gift that is offered, or an ask."""

    giver_id: PersonId
    """Of the shard that decides."""
    receiver_id: PersonId
    card: Card
    request_id: bytes
    """16 bytes that the initiator chose."""
    receiver_shard: int

    @property
    def pair(self) -> Pair:
        """Who has to be friends."""
        return self.giver_id, self.receiver_id


@dataclass(frozen=True, slots=True)
class Opening:
    """The answer to a batch of wishes, and the event that makes it true."""

    results: Sequence[Exchange | CardsError]
    event: ExchangesOpened | None
    """None when nothing new begins."""


def decide_opening(
    game: ShardGame,
    kind: ExchangeKind,
    wishes: Sequence[Wish],
    now_ms: int,
    lifetime_ms: int,
    friends: Mapping[Pair, bool],
    limits: ExchangeLimits = WIDEST,
) -> Opening:
    """Begins what can begin, and finds again what has begun before. Wishes of oneself to oneself are none.

    `friends` says of each pair whether they are, at least of those that `pairs_to_ask` has named.
    """
    batch = _Batch(game, kind, now_ms, lifetime_ms, friends, OpeningLimits(game, kind, now_ms, limits))
    results = [batch.result(wish) for wish in wishes]
    return Opening(results, batch.event())


def pairs_to_ask(game: ShardGame, kind: ExchangeKind, wishes: Sequence[Wish], now_ms: int) -> Sequence[Pair]:
    """Who has to be friends, of those between whom something could begin: social is asked about no others."""
    if refusal(game, now_ms) is not None:
        return []
    table, is_ask = game.exchanges.table, kind is ExchangeKind.ASK
    pairs = {
        wish.pair: None
        for wish in wishes
        if table.row_of(exchange_key(kind, wish.giver_id, wish.receiver_id, wish.request_id)) is None
        and (is_ask or game.holdings.count(wish.giver_id, wish.card))
    }
    return list(pairs)


class _Batch:
    """One batch on its way through: what it adds counts for what follows in it."""

    def __init__(
        self,
        game: ShardGame,
        kind: ExchangeKind,
        now_ms: int,
        lifetime_ms: int,
        friends: Mapping[Pair, bool],
        limits: OpeningLimits,
    ) -> None:
        self.fresh: list[Wish] = []
        self._game, self._kind, self._now_ms, self._friends = game, kind, now_ms, friends
        # Nothing waits beyond the end of the game.
        self._expires_at_ms = min(now_ms + lifetime_ms, game.prepared.deadline_ms)
        self._limits = limits
        self._taken: Counter[tuple[PersonId, Card]] = Counter()
        self._begun: dict[ExchangeKey, Exchange] = {}

    def result(self, wish: Wish) -> Exchange | CardsError:
        key = exchange_key(self._kind, wish.giver_id, wish.receiver_id, wish.request_id)
        row = self._game.exchanges.table.row_of(key)
        known = self._begun.get(key) if row is None else self._game.exchanges.table.exchange(row)
        try:
            if known is not None:
                _check_same(known, wish)
                return known
            self._check(wish)
        except CardsError as error:
            return error
        exchange = self._begun[key] = Exchange(
            kind=self._kind,
            state=BEGINNING[self._kind],
            giver_id=wish.giver_id,
            receiver_id=wish.receiver_id,
            card=wish.card,
            request_id=wish.request_id,
            opened_at_ms=self._now_ms,
            expires_at_ms=self._expires_at_ms,
        )
        self.fresh.append(wish)
        return exchange

    def event(self) -> ExchangesOpened | None:
        if not self.fresh:
            return None
        return ExchangesOpened(
            campaign_id=self._game.prepared.campaign_id,
            kind=self._kind,
            opened_at_ms=self._now_ms,
            expires_at_ms=self._expires_at_ms,
            giver_ids=[wish.giver_id for wish in self.fresh],
            receiver_ids=[wish.receiver_id for wish in self.fresh],
            cards=[wish.card.value for wish in self.fresh],
            request_ids=b"".join(wish.request_id for wish in self.fresh),
            receiver_shards=[wish.receiver_shard for wish in self.fresh],
        )

    def _check(self, wish: Wish) -> None:
        """Raises what stands against a wish; else it counts."""
        check_open(self._game, self._now_ms)
        is_gift = self._kind is ExchangeKind.GIFT
        if is_gift:
            check_held(self._game, wish.giver_id, wish.card, self._taken)
        if not self._friends.get(wish.pair, False):
            # Asked by the one who begins it.
            raise NotFriends(*wish.pair) if is_gift else NotFriends(wish.receiver_id, wish.giver_id)
        self._limits.check(wish.giver_id)
        self._taken[wish.giver_id, wish.card] += is_gift


def check_held(
    game: ShardGame, person_id: PersonId, card: Card, taken: Mapping[tuple[PersonId, Card], int]
) -> None:
    """Raises `CardNotHeld` unless the person has the card, beside those that the batch has taken already."""
    if game.holdings.count(person_id, card) <= taken.get((person_id, card), 0):
        held = tuple(
            kind for kind in CARDS if game.holdings.count(person_id, kind) > taken.get((person_id, kind), 0)
        )
        raise CardNotHeld(game.prepared.campaign_id, card, held)


def _check_same(known: Exchange, wish: Wish) -> None:
    """Raises `RequestIdReused` unless the exchange is the one that is wished for."""
    for field, value in (("to_person_id", wish.receiver_id), ("card", wish.card)):
        if value != (known.receiver_id if field == "to_person_id" else known.card):
            raise RequestIdReused(request_text(known.request_id), field)
