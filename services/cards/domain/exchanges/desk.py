"""Where exchanges are begun and ended: decided on the giver's shard, answered when it is durable there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from services.cards.domain.errors import CardsError
from services.cards.domain.events import Change
from services.cards.domain.exchanges.ending import Named, decide_ending, pairs_to_part
from services.cards.domain.exchanges.errors import ExchangeUnknown, SelfAsk, SelfGift
from services.cards.domain.exchanges.identity import ExchangeKey, exchange_key, exchange_text, giver_of
from services.cards.domain.exchanges.limits import ReceivingLimits, UnderWay
from services.cards.domain.exchanges.machine import ExchangeAction, ExchangeKind
from services.cards.domain.exchanges.opening import Pair, Wish, decide_opening, pairs_to_ask
from services.cards.domain.exchanges.table import Exchange
from services.cards.domain.flows.limits import ExchangeLimits
from services.cards.domain.game import ShardGame
from services.cards.domain.placement import shard_of_person
from services.cards.domain.ports import Friendships, Givers, OwnedShard
from services.cards.domain.vocabulary import CampaignId, Card, PersonId
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shards_of

Result = Exchange | ServiceError
"""What became of one item: the exchange as it stands, or why it does not stand so."""
Told = Exchange | None | ServiceError
"""The same from another shard; None where it is done, and the exchange was not asked for."""


@dataclass(frozen=True, slots=True)
class ExchangeDesk:
    """Begins and ends exchanges, for one or many at a time."""

    friendships: Friendships
    givers: Givers
    shard_count: int
    now_ms: Callable[[], int]
    lifetime_ms: int
    """How long a gift or an ask waits for its answer, milliseconds."""
    limits: ExchangeLimits
    """For games that name none."""
    under_way: UnderWay

    def place(self, person_id: PersonId) -> int:
        """The shard of a person."""
        return shard_of_person(person_id, self.shard_count)

    def places(self, person_ids: Sequence[int]) -> list[int]:
        """The shards of many."""
        places: list[int] = shards_of(person_ids, self.shard_count).tolist()
        return places

    def wish(self, giver_id: PersonId, receiver_id: PersonId, card: Card, request_id: bytes) -> Wish:
        """A gift to offer, or an ask to make."""
        return Wish(giver_id, receiver_id, card, request_id, self.place(receiver_id))

    async def offer(
        self, shard: OwnedShard, campaign_id: CampaignId, wishes: Sequence[Wish]
    ) -> Sequence[Result]:
        """Offers cards of givers of this shard, in one record. Raises `GameUnknown`, and social's errors."""
        fit = [wish for wish in wishes if wish.giver_id != wish.receiver_id]
        found = iter(await self._open(shard, campaign_id, ExchangeKind.GIFT, fit))
        return [
            next(found) if wish.giver_id != wish.receiver_id else SelfGift(wish.giver_id) for wish in wishes
        ]

    async def ask(self, shard: OwnedShard, campaign_id: CampaignId, wish: Wish) -> Exchange:
        """Makes an ask of a person of this shard, at the friend's. Raises what stands against it."""
        if wish.giver_id == wish.receiver_id:
            raise SelfAsk(wish.receiver_id)
        game = shard.state.game(campaign_id)
        limits = self._receiving(game, ExchangeKind.ASK)
        key = exchange_key(ExchangeKind.ASK, wish.giver_id, wish.receiver_id, wish.request_id)
        limits.check(wish.receiver_id, wish.giver_id, key, wish.card)
        try:
            return await self.givers.open_ask(self.place(wish.giver_id), campaign_id, wish)
        except ServiceError as error:
            if error.domain == CardsError.domain:  # Any other may have put it on record all the same.
                limits.refused(wish.receiver_id, key)
            raise

    async def open_ask(self, shard: OwnedShard, campaign_id: CampaignId, wish: Wish) -> Exchange:
        """Puts an ask to a person of this shard on record. Raises what stands against it."""
        return only(await self._open(shard, campaign_id, ExchangeKind.ASK, [wish]))

    async def end(
        self, shard: OwnedShard, campaign_id: CampaignId, action: ExchangeAction, items: Sequence[Named]
    ) -> Sequence[Result]:
        """Ends exchanges of givers of this shard, in one record. Raises `GameUnknown`, social's errors."""
        game = shard.state.game(campaign_id)
        now_ms, friends = await self._friends(lambda now_ms: pairs_to_part(game, action, items, now_ms))
        # While social was asked, they may have ended in another way: only now it is decided.
        ending = decide_ending(game, action, items, now_ms, friends)
        if ending.event is not None:
            shard.commit(Change(ending.event))
        await shard.settled()
        return ending.results

    async def end_as_receivers(
        self,
        shard: OwnedShard,
        campaign_id: CampaignId,
        action: ExchangeAction,
        items: Sequence[Named],
        *,
        is_shown: bool = True,
    ) -> Sequence[Told]:
        """Does what receivers of this shard want done, at the givers' shards. Raises `GameUnknown`."""
        game = shard.state.game(campaign_id)
        limits = self._receiving(game, ExchangeKind.GIFT)
        places = self.places([giver_of(key) for _, key in items])
        results: dict[int, Told] = {}
        by_shard: dict[int, list[int]] = {}
        for index, (person_id, key) in enumerate(items):
            try:
                if action is ExchangeAction.ACCEPT_GIFT:
                    limits.check(person_id, giver_of(key), key)
            except CardsError as error:
                results[index] = error
            else:
                by_shard.setdefault(places[index], []).append(index)
        batches = {giver_shard: [items[index] for index in own] for giver_shard, own in by_shard.items()}
        answers = await self.givers.end(campaign_id, action, batches, is_shown=is_shown)
        for giver_shard, own in by_shard.items():
            for index, answer in zip(own, answers[giver_shard], strict=True):
                results[index] = answer
                # Whoever declines in vain what they have accepted receives it all the same.
                if action is ExchangeAction.ACCEPT_GIFT and isinstance(answer, CardsError):
                    limits.refused(*items[index])
        return [results[index] for index in range(len(items))]

    async def look(
        self, shard: OwnedShard, campaign_id: CampaignId, person_id: PersonId, key: ExchangeKey
    ) -> Exchange:
        """An exchange as this shard knows it, durably. Raises `GameUnknown`, `ExchangeUnknown`."""
        table = shard.state.game(campaign_id).exchanges.table
        row = table.row_of(key)
        exchange = None if row is None else table.exchange(row)
        if exchange is None or person_id not in {exchange.giver_id, exchange.receiver_id}:
            raise ExchangeUnknown(campaign_id, exchange_text(key))
        await shard.settled()
        return exchange

    async def _open(
        self, shard: OwnedShard, campaign_id: CampaignId, kind: ExchangeKind, wishes: Sequence[Wish]
    ) -> Sequence[Result]:
        game = shard.state.game(campaign_id)
        now_ms, friends = await self._friends(lambda now_ms: pairs_to_ask(game, kind, wishes, now_ms))
        # While social was asked, the same request may have come through, or the card may have gone elsewhere:
        # only now it is decided.
        opening = decide_opening(game, kind, wishes, now_ms, self.lifetime_ms, friends, self._limits(game))
        if opening.event is not None:
            shard.commit(Change(opening.event))
        await shard.settled()
        return opening.results

    def _limits(self, game: ShardGame) -> ExchangeLimits:
        return game.prepared.exchange_limits.or_else(self.limits)

    def _receiving(self, game: ShardGame, kind: ExchangeKind) -> ReceivingLimits:
        return ReceivingLimits(game, kind, self.now_ms(), self._limits(game), self.under_way)

    async def _friends(self, pairs_at: Callable[[int], Sequence[Pair]]) -> tuple[int, Mapping[Pair, bool]]:
        """A moment, and of all pairs that matter then whether they are friends.

        While social is asked more may come to matter: a game opens, or a card arrives.
        """
        friends = dict[Pair, bool]()
        now_ms = self.now_ms()
        while pairs := [pair for pair in pairs_at(now_ms) if pair not in friends]:
            friends.update(zip(pairs, await self.friendships.are_friends(pairs), strict=True))
            now_ms = self.now_ms()
        return now_ms, friends


def only(results: Sequence[Told]) -> Exchange:
    """The exchange of a batch of one. Raises why there is none."""
    (result,) = results
    if isinstance(result, Exchange):
        return result
    assert result is not None, "a single exchange is shown"
    raise result
