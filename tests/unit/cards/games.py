"""Games for tests: small, with times that are easy to name."""

from __future__ import annotations

from services.cards.domain.events import GameOrder, GamePrepared, ShardSealed
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.machine import ExchangeKind, ExchangeState
from services.cards.domain.game import ShardGame
from services.cards.domain.sets.luck import LUCK_CLASSES, luck_key
from services.cards.domain.supply.draw import draw_key
from services.cards.domain.supply.grants import DeckReceived, Grant
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import CampaignId, Card, PersonId, ShareMode, SponsorId

OPENS_MS = 1_454_846_400_000
DEADLINE_MS = OPENS_MS + 60_000
SEED = bytes(range(32))
SPRING = CampaignId("spring-2016")
PLENTY = SupplyPlan(limits=(1_000,) * 5, quotas=(1_000,) * 4)


def an_order(
    supply: SupplyPlan = PLENTY, pool_fen: int = 21_500_000_000, share_mode: ShareMode = ShareMode.EQUAL
) -> GameOrder:
    return GameOrder(
        campaign_id=SPRING,
        sponsor_id=SponsorId(7),
        pool_fen=pool_fen,
        supply=supply,
        opens_at_ms=OPENS_MS,
        deadline_ms=DEADLINE_MS,
        share_mode=share_mode,
    )


def a_part(
    supply: SupplyPlan = PLENTY,
    shard: int = 0,
    share_mode: ShareMode = ShareMode.EQUAL,
) -> GamePrepared:
    return GamePrepared(
        campaign_id=SPRING,
        shard=shard,
        supply=supply,
        opens_at_ms=OPENS_MS,
        deadline_ms=DEADLINE_MS,
        draw_key=draw_key(SEED, SPRING, shard),
        share_mode=share_mode,
        luck_key=luck_key(SEED, SPRING) if share_mode is ShareMode.LUCKY else b"",
    )


def a_game(supply: SupplyPlan = PLENTY, share_mode: ShareMode = ShareMode.EQUAL) -> ShardGame:
    """On the only shard, which has leased the whole supply in one deck."""
    game = ShardGame(a_part(supply, share_mode=share_mode))
    game.lease_happened(everything(supply))
    return game


def everything(supply: SupplyPlan = PLENTY) -> DeckReceived:
    """All of a supply in one lease."""
    return DeckReceived(SPRING, Grant(1, supply.limits, supply.quotas))


def seals(*sets_by_shard: int) -> list[ShardSealed]:
    """Of shards in order, with so many sets each."""
    return [
        ShardSealed(SPRING, shard, sets, (0,) * 5, DEADLINE_MS) for shard, sets in enumerate(sets_by_shard)
    ]


def lucky_seals(*sets_by_luck: dict[int, int]) -> list[ShardSealed]:
    """Of shards in order, with so many sets of the classes that are named."""
    return [
        ShardSealed(
            SPRING,
            shard,
            sum(counts.values()),
            (0,) * 5,
            DEADLINE_MS,
            tuple(counts.get(luck, 0) for luck in range(1, LUCK_CLASSES + 1)),
        )
        for shard, counts in enumerate(sets_by_luck)
    ]


def everyone(_: int) -> bool:
    return True


ANNA = PersonId(1)
BAO = PersonId(2)


def arrived(game: ShardGame, person: PersonId, *cards: Card) -> None:
    """Cards that a friend on another shard offered, and the person accepted."""
    begun = len(game.exchanges.table)
    friend = PersonId(99)
    requests = b"".join((begun + index).to_bytes(16, "big") for index in range(len(cards)))
    people = [friend] * len(cards), [person] * len(cards)
    game.followed_happened(
        ExchangesOpened(SPRING, ExchangeKind.GIFT, OPENS_MS, DEADLINE_MS, *people, cards, requests)
    )
    kinds = [ExchangeKind.GIFT.value] * len(cards)
    states = [ExchangeState.ACCEPTED.value] * len(cards)
    game.followed_happened(ExchangesEnded(SPRING, OPENS_MS, kinds, *people, cards, requests, states))
