"""Cards for those who tapped, and for those who shared: an operator deals them, in batches by shard."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import cards_pb2_grpc as cards_grpc
from hongbao.cards.v1 import events_pb2 as cards_events
from services.cli.gala.crowd import together
from services.cli.gala.people import Player
from services.cli.gala.stage import Stage
from services.mesh.shards.hashing import shard_of

BATCH_PERSONS_MAX = 4_096
KEY = "the-gala"
"""What the cards are for; the source says how they were earned."""
_DEALT = (cards.DEAL_OUTCOME_DEALT, cards.DEAL_OUTCOME_ALREADY_DEALT)
_PAUSE_S_MIN = 0.05


async def deal_for_taps(stage: Stage, game: cards.Game) -> int:
    """A card for everybody who tapped; returns how many were dealt."""
    stage.progress.act = "cards for those who tapped"
    earned = [player for player in stage.players if player.has_tapped]
    return await _deal(stage, game, cards_events.CARD_SOURCE_TAP, earned)


async def deal_for_shares(stage: Stage, game: cards.Game) -> int:
    """A card for everybody who sent others a packet; returns how many were dealt."""
    stage.progress.act = "cards for those who shared"
    earned = [player for player in stage.players if player.has_shared]
    return await _deal(stage, game, cards_events.CARD_SOURCE_SHARE, earned)


async def _deal(
    stage: Stage, game: cards.Game, source: cards_events.CardSource.ValueType, earned: Sequence[Player]
) -> int:
    by_shard: dict[int, list[int]] = defaultdict(list)
    for player in earned:
        by_shard[shard_of(player.person_id, game.shard_count)].append(player.person_id)
    dealt: list[int] = []

    async def deal(shard: int, person_ids: Sequence[int]) -> None:
        while person_ids and datetime.now(UTC) < game.deadline.ToDatetime(UTC):
            batch, later = person_ids[:BATCH_PERSONS_MAX], person_ids[BATCH_PERSONS_MAX:]
            answer = await _deal_batch(
                stage,
                cards.DealBatchRequest(
                    campaign_id=game.campaign_id,
                    shard=shard,
                    source=source,
                    source_keys=[KEY],
                    person_ids=batch,
                ),
            )
            outcomes = list(zip(batch, answer.outcomes, strict=True))
            dealt.append(sum(outcome in _DEALT for _, outcome in outcomes))
            # What the release curve does not allow yet is asked for again; a quota that ends, ends.
            waiting = [
                person_id for person_id, outcome in outcomes if outcome == cards.DEAL_OUTCOME_NOT_RELEASED
            ]
            person_ids = [*waiting, *later]
            if waiting:
                await asyncio.sleep(max(_PAUSE_S_MIN, answer.retry_after_ms / 1000))

    await together(deal(shard, person_ids) for shard, person_ids in sorted(by_shard.items()))
    return sum(dealt)


async def _deal_batch(stage: Stage, request: cards.DealBatchRequest) -> cards.DealBatchResponse:
    return await stage.operator.at_cards(
        request.shard,
        lambda channel, timeout_s: cards_grpc.CardsServiceStub(channel).DealBatch(request, timeout=timeout_s),
    )
