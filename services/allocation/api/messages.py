"""Answers of the contract, from what the rules know."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hongbao.allocation.v1 import allocation_pb2, events_pb2
from services.allocation.api.columns import packed_fixed, packed_small, packed_varints
from services.allocation.domain.decision import Decision, Outcomes
from services.allocation.domain.rounds import Campaign, Round
from services.allocation.domain.stock import Stock
from services.allocation.domain.values import RoundTerms, StockTerms
from services.mesh.timestamps import timestamp, timestamp_or_none

_ANSWER = allocation_pb2.ClaimBatchResponse
_WON = events_pb2.PacketsWon


def campaign_message(campaign: Campaign, committed_fen: int) -> allocation_pb2.Campaign:
    """A campaign as the contract shows it."""
    terms = campaign.terms
    return allocation_pb2.Campaign(
        campaign_id=terms.campaign_id,
        sponsor_id=terms.sponsor_id,
        display_name=terms.display_name,
        budget_fen=terms.budget_fen,
        committed_fen=committed_fen,
        shard_count=terms.shard_count,
        created_at=timestamp(campaign.created_ms),
        winnings_wait_until_at=timestamp_or_none(terms.winnings_wait_until_ms),
    )


def round_message(found: Round, now_ms: int) -> allocation_pb2.Round:
    """A round as the contract shows it: without its seed until it is closed."""
    terms: RoundTerms = found.terms
    shown = allocation_pb2.Round(
        campaign_id=terms.campaign_id,
        round_id=terms.round_id,
        stock_id=terms.stock_id,
        opens_at=timestamp(terms.window.opens_ms),
        closes_at=timestamp(terms.window.closes_ms),
        budget_fen=terms.packets.budget_fen,
        packet_count=terms.packets.count,
        packet_min_fen=terms.packets.min_fen,
        packet_max_fen=terms.packets.max_fen,
        release_curve=events_pb2.ReleaseCurve.ValueType(terms.release_curve),
        release_table_ppm=terms.release_table_ppm,
        phase=allocation_pb2.RoundPhase.ValueType(found.phase(now_ms)),
        seed_commitment=found.seed_commitment,
        seed=found.published_seed,
        draw_rule=terms.draw_rule,
        beacon=terms.beacon,
        beacon_value=found.beacon or b"",
        announced_at=timestamp(found.announced_ms),
        winnings_wait_until_at=timestamp_or_none(terms.winnings_wait_until_ms),
        parts=[
            allocation_pb2.StockPart(shard=shard, packet_count=part.count, budget_fen=part.budget_fen)
            for shard, part in enumerate(found.parts())
        ],
    )
    if found.totals is not None:
        shown.totals.packets_won = found.totals.packets_won
        shown.totals.won_fen = found.totals.won_fen
        shown.totals.returned_fen = found.totals.returned_fen
    return shown


@dataclass(frozen=True, slots=True)
class Watch:
    """For whom the state of stocks is told."""

    watchers: int
    """How many share the packets."""
    may_ask: bool
    """Whether this one may claim though there are no packets: a question whether any are wanted there."""

    def tokens(self, packets: int) -> int:
        """Claims that this watcher may send, of packets that are there for all."""
        return max(int(self.may_ask), -(-packets // max(1, self.watchers)))


ALONE = Watch(watchers=1, may_ask=True)
"""Of one who asks for itself."""


def stock_state(stock: Stock, now_ms: int, watch: Watch) -> allocation_pb2.StockState:
    """A part of a stock as a watcher sees it."""
    terms: StockTerms = stock.terms
    phase = stock.phase(now_ms)
    is_open = phase is type(phase).OPEN
    return allocation_pb2.StockState(
        stock_id=terms.stock_id,
        campaign_id=terms.campaign_id,
        round_id=terms.round_id,
        shard=terms.shard,
        opens_at=timestamp(terms.window.opens_ms),
        closes_at=timestamp(terms.window.closes_ms),
        phase=allocation_pb2.StockPhase.ValueType(phase),
        packets_left=stock.packets_left,
        admission_tokens=watch.tokens(stock.available(now_ms)) if is_open else 0,
    )


def batch_answer(batch_id: int, told: Outcomes) -> allocation_pb2.ClaimBatchResponse:
    """What became of a batch. The columns are merged as bytes: see `columns`."""
    answer = _ANSWER(batch_id=batch_id)
    answer.MergeFromString(
        packed_small(_ANSWER.OUTCOMES_FIELD_NUMBER, told.outcomes)
        + packed_varints(_ANSWER.AMOUNTS_FEN_FIELD_NUMBER, told.amounts_fen)
        + packed_varints(_ANSWER.PACKET_INDEXES_FIELD_NUMBER, told.packet_indexes)
    )
    return answer


def packets_won(stock: Stock, decision: Decision) -> events_pb2.AllocationEvent:
    """The record of the new winners."""
    event = events_pb2.AllocationEvent()
    won = event.packets_won
    won.stock_id = stock.terms.stock_id
    won.campaign_id = stock.terms.campaign_id
    won.first_packet_index = decision.first_packet_index
    won.MergeFromString(
        packed_fixed(_WON.PERSON_IDS_FIELD_NUMBER, decision.winners)
        + packed_varints(_WON.AMOUNTS_FEN_FIELD_NUMBER, decision.winners_fen)
    )
    return event


def packets_page(stock: Stock, start: int, stop: int) -> allocation_pb2.ListPacketsResponse:
    """Won packets from one index up to another."""
    people = stock.people(start, stop)
    drawn_shards, drawn_indexes = stock.identities(start, stop)
    page = allocation_pb2.ListPacketsResponse()
    page.MergeFromString(
        packed_varints(page.PACKET_INDEXES_FIELD_NUMBER, np.arange(start, start + len(people)))
        + packed_fixed(page.PERSON_IDS_FIELD_NUMBER, people)
        + packed_varints(page.AMOUNTS_FEN_FIELD_NUMBER, stock.amounts_fen(start, stop))
        + packed_varints(page.DRAWN_SHARDS_FIELD_NUMBER, drawn_shards)
        + packed_varints(page.DRAWN_INDEXES_FIELD_NUMBER, drawn_indexes)
    )
    return page
