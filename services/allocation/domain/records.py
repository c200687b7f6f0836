"""Terms and the records that carry them: one function for each way."""

from __future__ import annotations

from hongbao.allocation.v1 import events_pb2
from services.allocation.domain.rounds import Round
from services.allocation.domain.values import (
    BeaconValue,
    CampaignId,
    CampaignTerms,
    DrawRule,
    Packets,
    ReleaseCurve,
    RoundId,
    RoundTerms,
    Seed,
    SponsorId,
    StockId,
    StockTerms,
    Totals,
    Window,
)
from services.mesh.timestamps import milliseconds, timestamp, timestamp_or_none


def campaign_created(terms: CampaignTerms) -> events_pb2.CampaignCreated:
    """The record of a new campaign."""
    return events_pb2.CampaignCreated(
        campaign_id=terms.campaign_id,
        sponsor_id=terms.sponsor_id,
        display_name=terms.display_name,
        budget_fen=terms.budget_fen,
        shard_count=terms.shard_count,
        winnings_wait_until_at=timestamp_or_none(terms.winnings_wait_until_ms),
    )


def campaign_terms(record: events_pb2.CampaignCreated) -> CampaignTerms:
    """What the record says."""
    return CampaignTerms(
        campaign_id=CampaignId(record.campaign_id),
        sponsor_id=SponsorId(record.sponsor_id),
        display_name=record.display_name,
        budget_fen=record.budget_fen,
        shard_count=record.shard_count,
        winnings_wait_until_ms=milliseconds(record.winnings_wait_until_at),
    )


def round_created(created: Round) -> events_pb2.RoundCreated:
    """The record of a new round, seed included."""
    terms = created.terms
    return events_pb2.RoundCreated(
        campaign_id=terms.campaign_id,
        round_id=terms.round_id,
        stock_id=terms.stock_id,
        sponsor_id=terms.sponsor_id,
        opens_at=timestamp(terms.window.opens_ms),
        closes_at=timestamp(terms.window.closes_ms),
        budget_fen=terms.packets.budget_fen,
        packet_count=terms.packets.count,
        packet_min_fen=terms.packets.min_fen,
        packet_max_fen=terms.packets.max_fen,
        release_curve=events_pb2.ReleaseCurve.ValueType(terms.release_curve),
        release_table_ppm=terms.release_table_ppm,
        seed_commitment=created.seed_commitment,
        seed=created.seed,
        shard_count=terms.shard_count,
        draw_rule=terms.draw_rule,
        beacon=terms.beacon,
        winnings_wait_until_at=timestamp_or_none(terms.winnings_wait_until_ms),
    )


def round_of(record: events_pb2.RoundCreated) -> Round:
    """The round as the record made it."""
    terms = RoundTerms(
        campaign_id=CampaignId(record.campaign_id),
        round_id=RoundId(record.round_id),
        sponsor_id=SponsorId(record.sponsor_id),
        window=Window(milliseconds(record.opens_at), milliseconds(record.closes_at)),
        packets=Packets(
            count=record.packet_count,
            budget_fen=record.budget_fen,
            min_fen=record.packet_min_fen,
            max_fen=record.packet_max_fen,
        ),
        release_curve=ReleaseCurve(record.release_curve),
        release_table_ppm=tuple(record.release_table_ppm),
        shard_count=record.shard_count,
        beacon=record.beacon,
        winnings_wait_until_ms=milliseconds(record.winnings_wait_until_at),
    )
    assert record.draw_rule == terms.draw_rule, "a rule that is not known here cannot be followed"
    return Round(terms, Seed(record.seed))


def stock_prepared(terms: StockTerms) -> events_pb2.StockPrepared:
    """The record of a new part of a stock, seed included."""
    return events_pb2.StockPrepared(
        stock_id=terms.stock_id,
        campaign_id=terms.campaign_id,
        round_id=terms.round_id,
        sponsor_id=terms.sponsor_id,
        shard=terms.shard,
        opens_at=timestamp(terms.window.opens_ms),
        closes_at=timestamp(terms.window.closes_ms),
        budget_fen=terms.packets.budget_fen,
        packet_count=terms.packets.count,
        packet_min_fen=terms.packets.min_fen,
        packet_max_fen=terms.packets.max_fen,
        release_curve=events_pb2.ReleaseCurve.ValueType(terms.release_curve),
        release_table_ppm=terms.release_table_ppm,
        seed=terms.seed,
        draw_rule=terms.draw_rule,
    )


def stock_terms(record: events_pb2.StockPrepared) -> StockTerms:
    """What the record says. Raises ValueError for a rule that is not known here."""
    return StockTerms(
        stock_id=StockId(record.stock_id),
        campaign_id=CampaignId(record.campaign_id),
        round_id=RoundId(record.round_id),
        sponsor_id=SponsorId(record.sponsor_id),
        shard=record.shard,
        window=Window(milliseconds(record.opens_at), milliseconds(record.closes_at)),
        packets=Packets(
            count=record.packet_count,
            budget_fen=record.budget_fen,
            min_fen=record.packet_min_fen,
            max_fen=record.packet_max_fen,
        ),
        release_curve=ReleaseCurve(record.release_curve),
        release_table_ppm=tuple(record.release_table_ppm),
        seed=Seed(record.seed),
        draw_rule=DrawRule(record.draw_rule),
    )


def stock_opened(terms: StockTerms, beacon: BeaconValue) -> events_pb2.StockOpened:
    """The record of a part's opening with the value of its beacon."""
    return events_pb2.StockOpened(stock_id=terms.stock_id, shard=terms.shard, beacon_value=beacon)


def stock_closed(terms: StockTerms, totals: Totals) -> events_pb2.StockClosed:
    """The record of a part's end."""
    return events_pb2.StockClosed(
        stock_id=terms.stock_id,
        campaign_id=terms.campaign_id,
        sponsor_id=terms.sponsor_id,
        shard=terms.shard,
        packets_won=totals.packets_won,
        won_fen=totals.won_fen,
        returned_fen=totals.returned_fen,
    )


def round_closed(closed: Round, totals: Totals) -> events_pb2.RoundClosed:
    """The record of a round's end, with the seed, which is public by it."""
    return events_pb2.RoundClosed(
        stock_id=closed.terms.stock_id,
        campaign_id=closed.terms.campaign_id,
        packets_won=totals.packets_won,
        won_fen=totals.won_fen,
        returned_fen=totals.returned_fen,
        seed=closed.seed,
    )


def totals_of(record: events_pb2.StockClosed | events_pb2.RoundClosed) -> Totals:
    """What the record says became of it."""
    return Totals(record.packets_won, record.won_fen, record.returned_fen)
