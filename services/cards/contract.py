"""Values of the contract and of the rules, to and from each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from hongbao.cards.v1 import cards_pb2, events_pb2
from services.cards.domain.events import (
    GameCreated,
    GameOrder,
    GamePrepared,
    PoolDecided,
    SetsCompleted,
    ShardSealed,
)
from services.cards.domain.sets.figures import ShardFigures
from services.cards.domain.supply.curve import AT_ONCE, ReleaseCurve, ReleasePoint
from services.cards.domain.supply.draw import commitment
from services.cards.domain.supply.plan import SupplyPlan
from services.cards.domain.vocabulary import (
    CARDS,
    SOURCES,
    CampaignId,
    Card,
    ShareMode,
    Source,
    SponsorId,
)
from services.cards.limits_contract import limits_from_contract, limits_to_contract
from services.cards.supply_contract import sealed_from_contract, sealed_to_contract
from services.mesh.timestamps import milliseconds, timestamp, timestamp_or_none


def supply_to_contract(plan: SupplyPlan) -> events_pb2.SupplyPlan:
    """A plan as the contract has it."""
    return events_pb2.SupplyPlan(
        card_limits=[
            events_pb2.CardLimit(card=card_value(card), issue_limit=limit)
            for card, limit in zip(CARDS, plan.limits, strict=True)
        ],
        source_quotas=[
            events_pb2.SourceQuota(
                source=source_value(source), card_quota=quota, release_curve=_curve_to_contract(curve)
            )
            for source, quota, curve in zip(SOURCES, plan.quotas, plan.quota_curves, strict=True)
        ],
        release_curve=_curve_to_contract(plan.curve),
        expected_deals=plan.expected_deals,
        rare_until_offset_ms=plan.rare_until_offset_ms,
    )


def supply_from_contract(plan: events_pb2.SupplyPlan) -> SupplyPlan:
    """A plan as the rules have it: what is not named is 0."""
    limits = {Card(limit.card): limit.issue_limit for limit in plan.card_limits}
    quotas = {Source(quota.source): quota.card_quota for quota in plan.source_quotas}
    curves = {Source(quota.source): _curve_from_contract(quota.release_curve) for quota in plan.source_quotas}
    return SupplyPlan(
        limits=tuple(limits.get(card, 0) for card in CARDS),
        quotas=tuple(quotas.get(source, 0) for source in SOURCES),
        curve=_curve_from_contract(plan.release_curve),
        quota_curves=tuple(curves.get(source, AT_ONCE) for source in SOURCES),
        expected_deals=plan.expected_deals,
        rare_until_offset_ms=plan.rare_until_offset_ms,
    )


def _curve_to_contract(curve: ReleaseCurve) -> events_pb2.ReleaseCurve | None:
    if curve.is_at_once:
        return None
    return events_pb2.ReleaseCurve(
        points=[
            events_pb2.ReleasePoint(offset_ms=point.offset_ms, released_ppm=point.released_ppm)
            for point in curve.points
        ],
        linear_until_deadline=curve.linear_until_deadline,
    )


def _curve_from_contract(curve: events_pb2.ReleaseCurve) -> ReleaseCurve:
    """An unset curve is one that holds nothing back."""
    return ReleaseCurve(
        tuple(ReleasePoint(point.offset_ms, point.released_ppm) for point in curve.points),
        curve.linear_until_deadline,
    )


def created_to_contract(game: GameCreated) -> events_pb2.GameCreated:
    """A game as the contract has it, with its secret."""
    order = game.order
    return events_pb2.GameCreated(
        campaign_id=order.campaign_id,
        sponsor_id=order.sponsor_id,
        pool_fen=order.pool_fen,
        pool_hold_id=order.pool_hold_id,
        supply=supply_to_contract(order.supply),
        opens_at=timestamp(order.opens_at_ms),
        deadline=timestamp(order.deadline_ms),
        seed=game.seed,
        seed_commitment=commitment(game.seed),
        shard_count=game.shard_count,
        winnings_wait_until_at=timestamp_or_none(order.winnings_wait_until_at_ms),
        share_mode=share_mode_value(order.share_mode),
        deals_per_day_max=order.deals_per_day_max,
        exchange_limits=limits_to_contract(order.exchange_limits),
    )


def created_from_contract(game: events_pb2.GameCreated) -> GameCreated:
    """The inverse."""
    return GameCreated(order_from_contract(game), game.seed, game.shard_count)


def order_from_contract(game: events_pb2.GameCreated | cards_pb2.CreateGameRequest) -> GameOrder:
    """What was ordered, from the request or from the record."""
    return GameOrder(
        campaign_id=CampaignId(game.campaign_id),
        sponsor_id=SponsorId(game.sponsor_id),
        pool_fen=game.pool_fen,
        supply=supply_from_contract(game.supply),
        opens_at_ms=milliseconds(game.opens_at),
        deadline_ms=milliseconds(game.deadline),
        winnings_wait_until_at_ms=milliseconds(game.winnings_wait_until_at),
        share_mode=share_mode_of(game.share_mode),
        deals_per_day_max=game.deals_per_day_max,
        exchange_limits=limits_from_contract(game.exchange_limits),
    )


def prepared_to_contract(part: GamePrepared) -> events_pb2.GamePrepared:
    """A shard's part as the contract has it, with its secret."""
    return events_pb2.GamePrepared(
        campaign_id=part.campaign_id,
        shard=part.shard,
        supply=supply_to_contract(part.supply),
        opens_at=timestamp(part.opens_at_ms),
        deadline=timestamp(part.deadline_ms),
        draw_key=part.draw_key,
        share_mode=share_mode_value(part.share_mode),
        luck_key=part.luck_key,
        deals_per_day_max=part.deals_per_day_max,
        exchange_limits=limits_to_contract(part.exchange_limits),
    )


def prepared_from_contract(
    part: events_pb2.GamePrepared | cards_pb2.PrepareGameRequest,
) -> GamePrepared:
    """The inverse, also from the request that brings it."""
    return GamePrepared(
        campaign_id=CampaignId(part.campaign_id),
        shard=part.shard,
        supply=supply_from_contract(part.supply),
        opens_at_ms=milliseconds(part.opens_at),
        deadline_ms=milliseconds(part.deadline),
        draw_key=part.draw_key,
        share_mode=share_mode_of(part.share_mode),
        luck_key=part.luck_key,
        deals_per_day_max=part.deals_per_day_max,
        exchange_limits=limits_from_contract(part.exchange_limits),
    )


def seal_to_contract(seal: ShardSealed) -> events_pb2.ShardSealed:
    """A seal as the contract has it."""
    return events_pb2.ShardSealed(
        campaign_id=seal.campaign_id,
        shard=seal.shard,
        sets_completed=seal.sets_completed,
        issued_by_card=seal.issued,
        sealed_at=timestamp(seal.sealed_at_ms),
        supply=sealed_to_contract(seal.supply),
        sets_by_luck=seal.sets_by_luck,
    )


def seal_from_contract(seal: events_pb2.ShardSealed) -> ShardSealed:
    """The inverse."""
    return ShardSealed(
        campaign_id=CampaignId(seal.campaign_id),
        shard=seal.shard,
        sets_completed=seal.sets_completed,
        issued=tuple(seal.issued_by_card),
        sealed_at_ms=milliseconds(seal.sealed_at),
        supply=sealed_from_contract(seal.supply),
        sets_by_luck=tuple(seal.sets_by_luck),
    )


def decision_to_contract(decision: PoolDecided) -> events_pb2.PoolDecided:
    """A decision as the contract has it."""
    return events_pb2.PoolDecided(
        campaign_id=decision.campaign_id,
        sponsor_id=decision.sponsor_id,
        pool_hold_id=decision.pool_hold_id,
        pool_fen=decision.pool_fen,
        share_fen=decision.share_fen,
        remainder_fen=decision.remainder_fen,
        sets_by_shard=decision.sets_by_shard,
        seed=decision.seed,
        share_mode=share_mode_value(decision.share_mode),
        sets_by_luck=decision.sets_by_luck,
        luck_shares_fen=decision.luck_shares_fen,
        shard_shares_fen=decision.shard_shares_fen,
    )


def decision_from_contract(decision: events_pb2.PoolDecided) -> PoolDecided:
    """The inverse."""
    return PoolDecided(
        campaign_id=CampaignId(decision.campaign_id),
        sponsor_id=SponsorId(decision.sponsor_id),
        pool_hold_id=decision.pool_hold_id,
        pool_fen=decision.pool_fen,
        share_fen=decision.share_fen,
        remainder_fen=decision.remainder_fen,
        sets_by_shard=tuple(decision.sets_by_shard),
        seed=decision.seed,
        share_mode=share_mode_of(decision.share_mode),
        sets_by_luck=tuple(decision.sets_by_luck),
        luck_shares_fen=tuple(decision.luck_shares_fen),
        shard_shares_fen=tuple(decision.shard_shares_fen),
    )


def card_value(card: Card) -> events_pb2.Card.ValueType:
    """A card as the contract's enum: the numbers are the same."""
    return events_pb2.Card.ValueType(card.value)


def card_values(cards: Sequence[int]) -> Sequence[events_pb2.Card.ValueType]:
    """A column of cards as the contract has it."""
    return cast("Sequence[events_pb2.Card.ValueType]", cards)


def source_value(source: Source) -> events_pb2.CardSource.ValueType:
    """A source as the contract's enum: the numbers are the same."""
    return events_pb2.CardSource.ValueType(source.value)


def completed_to_contract(completed: SetsCompleted) -> events_pb2.SetsCompleted:
    """Completed sets as the contract has them."""
    return events_pb2.SetsCompleted(
        campaign_id=completed.campaign_id,
        person_ids=completed.person_ids,
        completed_at_ms=completed.completed_at_ms,
        luck_classes=completed.luck_classes,
    )


def completed_from_contract(completed: events_pb2.SetsCompleted) -> SetsCompleted:
    """The inverse."""
    return SetsCompleted(
        campaign_id=CampaignId(completed.campaign_id),
        person_ids=list(completed.person_ids),
        completed_at_ms=list(completed.completed_at_ms),
        luck_classes=completed.luck_classes,
    )


def shard_figures(told: cards_pb2.GetShardGameResponse) -> ShardFigures:
    """What a shard says of its part of a game."""
    dealt = {source.source: source.dealt for source in told.sources}
    return ShardFigures(
        issued=tuple(card.issued for card in told.cards),
        held=tuple(card.held for card in told.cards),
        offered=tuple(card.offered for card in told.cards),
        spent=tuple(card.spent for card in told.cards),
        dealt_by_source=tuple(dealt.get(source_value(source), 0) for source in SOURCES),
        holder_count=told.holder_count,
        sets_completed=told.sets_completed,
        sets_recent=told.sets_recent,
        recent_ms=told.recent_ms,
    )


def share_mode_value(mode: ShareMode) -> events_pb2.ShareMode.ValueType:
    """A mode as the contract's enum: the numbers are the same."""
    return events_pb2.ShareMode.ValueType(mode.value)


def share_mode_of(mode: int) -> ShareMode:
    """A mode as the rules have it: where none is said, shares are equal."""
    return ShareMode(mode or ShareMode.EQUAL)


def without_secrets(record: events_pb2.CardsEvent) -> None:
    """Takes out of a record what no reader of the feed may know."""
    kind = record.WhichOneof("event")
    if kind == "game_created":
        record.game_created.ClearField("seed")
    elif kind == "game_prepared":
        record.game_prepared.ClearField("draw_key")
        record.game_prepared.ClearField("luck_key")
