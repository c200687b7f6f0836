from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.allocation.v1 import events_pb2, snapshot_pb2
from services.allocation.api.messages import packets_won
from services.allocation.domain import records
from services.allocation.domain.rounds import Round
from services.allocation.domain.state import AllocationState
from services.allocation.domain.values import (
    NOTHING,
    CampaignId,
    CampaignTerms,
    Packets,
    ReleaseCurve,
    RoundId,
    RoundTerms,
    Seed,
    SponsorId,
    StockId,
    Totals,
    Window,
)
from tests.unit.allocation.terms import CLOSES_MS, OPENS_MS, SEED, people_of, stock_terms

SHARDS = 2
OURS = people_of(0, SHARDS, 30)
EVENT = events_pb2.AllocationEvent


class Owner:
    """Decides as an owner does, and keeps what it put on record."""

    def __init__(self) -> None:
        self.state = AllocationState(0, SHARDS)
        self.journal: list[tuple[int, bytes]] = []
        self.now_ms = OPENS_MS - 10_000

    def commit(self, event: events_pb2.AllocationEvent) -> None:
        self.now_ms += 1
        self.journal.append((self.now_ms, event.SerializeToString()))
        self.state.apply(len(self.journal), self.now_ms, event)

    def create_campaign(self, name: str) -> None:
        terms = CampaignTerms(CampaignId(name), SponsorId(7), "春节", 10**9, SHARDS)
        self.commit(EVENT(campaign_created=records.campaign_created(terms)))

    def create_round(self, campaign: str, round_id: str) -> StockId:
        packets = Packets(count=20, budget_fen=2_000, min_fen=1, max_fen=500)
        terms = RoundTerms(
            CampaignId(campaign),
            RoundId(round_id),
            SponsorId(7),
            Window(OPENS_MS, CLOSES_MS),
            packets,
            ReleaseCurve.LINEAR,
            SHARDS,
        )
        self.commit(EVENT(round_created=records.round_created(Round(terms, SEED))))
        return terms.stock_id

    def prepare(self, round_id: str, count: int) -> StockId:
        packets = Packets(count=count, budget_fen=count * 100, min_fen=1, max_fen=500)
        terms = stock_terms(packets, round_id=round_id)
        self.commit(EVENT(stock_prepared=records.stock_prepared(terms)))
        return terms.stock_id

    def claim(self, stock_id: StockId, people: list[int]) -> None:
        stock = self.state.stock(stock_id)
        decision = stock.decide(np.array(people, np.int64), OPENS_MS)
        if len(decision.winners):
            self.commit(packets_won(stock, decision))

    def close(self, stock_id: StockId) -> None:
        stock = self.state.stock(stock_id)
        if stock.closed is None:
            self.commit(EVENT(stock_closed=records.stock_closed(stock.terms, stock.totals)))

    def step_round(self, stock_id: StockId) -> None:
        """The next step of a round, whichever it is."""
        found = self.state.rounds.find(stock_id)
        assert found is not None
        if not found.funded:
            self.commit(EVENT(round_funded=events_pb2.RoundFunded(stock_id=stock_id)))
        elif not found.prepared:
            self.commit(EVENT(round_prepared=events_pb2.RoundPrepared(stock_id=stock_id)))
        elif not found.ended:
            self.commit(EVENT(round_ended=events_pb2.RoundEnded(stock_id=stock_id)))
        elif found.totals is None:
            totals = Totals(3, 300, found.terms.packets.budget_fen - 300)
            self.commit(EVENT(round_closed=records.round_closed(found, totals)))


def replayed(journal: list[tuple[int, bytes]], snapshot: bytes = b"", after: int = 0) -> AllocationState:
    state = AllocationState(0, SHARDS)
    if after:
        state.restore(snapshot)
    for seq, (time_ms, payload) in enumerate(journal[after:], start=after + 1):
        state.apply(seq, time_ms, EVENT.FromString(payload))
    return state


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_recovered_is_what_was_live_from_the_journal_alone_and_from_any_snapshot(
    data: st.DataObject,
) -> None:
    owner = Owner()
    owner.create_campaign("spring")
    rounds: list[StockId] = []
    stocks: list[StockId] = []
    snapshots: list[tuple[int, bytes]] = []
    for number in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["campaign", "round", "step", "stock", "claim", "claim", "close"])):
            case "campaign":
                owner.create_campaign(f"campaign-{number}")
            case "round":
                rounds.append(owner.create_round("spring", f"round-{number}"))
            case "step" if rounds:
                owner.step_round(data.draw(st.sampled_from(rounds)))
            case "stock":
                stocks.append(owner.prepare(f"round-{number}", data.draw(st.integers(1, 12))))
            case "claim" if stocks:
                batch = data.draw(st.lists(st.sampled_from(OURS), min_size=1, max_size=8))
                owner.claim(data.draw(st.sampled_from(stocks)), batch)
            case "close" if stocks:
                owner.close(data.draw(st.sampled_from(stocks)))
            case _:
                pass
        snapshots.append((len(owner.journal), owner.state.snapshot()))

    live = owner.state.snapshot()
    assert replayed(owner.journal).snapshot() == live
    after, snapshot = data.draw(st.sampled_from(snapshots))
    recovered = replayed(owner.journal, snapshot, after)
    assert recovered.snapshot() == live
    # And it goes on in the same way.
    for stock_id in stocks:
        ours, theirs = owner.state.stock(stock_id), recovered.stock(stock_id)
        people = np.array(OURS, np.int64)
        assert (
            ours.decide(people, OPENS_MS).amounts_fen.tolist()
            == theirs.decide(people, OPENS_MS).amounts_fen.tolist()
        )
        assert ours.totals == theirs.totals


def test_a_refused_round_is_gone_and_its_id_free_again() -> None:
    owner = Owner()
    owner.create_campaign("spring")
    stock_id = owner.create_round("spring", "round-1")
    owner.commit(EVENT(round_refused=events_pb2.RoundRefused(stock_id=stock_id)))
    assert owner.state.rounds.find(stock_id) is None
    assert owner.state.rounds.committed_fen(CampaignId("spring")) == 0
    assert owner.create_round("spring", "round-1") == stock_id


def test_the_seed_is_published_with_the_totals_and_not_before() -> None:
    owner = Owner()
    owner.create_campaign("spring")
    stock_id = owner.create_round("spring", "round-1")
    found = owner.state.rounds.find(stock_id)
    assert found is not None
    for _ in range(3):
        assert found.published_seed == b""
        owner.step_round(stock_id)
    assert found.published_seed == b""
    owner.step_round(stock_id)
    assert Seed(found.published_seed) == SEED


def test_totals_of_all_shards_add_up() -> None:
    assert sum([Totals(1, 100, 50), Totals(2, 30, 0)], NOTHING) == Totals(3, 130, 50)


@pytest.mark.parametrize("largest_fen", [500, 70_000])
def test_a_snapshot_keeps_the_drawn_amounts(largest_fen: int, monkeypatch: pytest.MonkeyPatch) -> None:
    state = AllocationState(0, SHARDS)
    packets = Packets(count=20, budget_fen=2_000, min_fen=1, max_fen=largest_fen)
    terms = stock_terms(packets=packets)
    state.apply(1, OPENS_MS, EVENT(stock_prepared=records.stock_prepared(terms)))
    drawn_fen = state.stock(terms.stock_id).drawn_fen(20)
    snapshot = state.snapshot()

    with monkeypatch.context() as nobody_draws:
        nobody_draws.setattr("services.allocation.domain.stock.draw", None)
        recovered = AllocationState(0, SHARDS)
        recovered.restore(snapshot)
    assert np.array_equal(recovered.stock(terms.stock_id).drawn_fen(20), drawn_fen)

    without = snapshot_pb2.ShardSnapshot.FromString(snapshot)
    without.stocks[0].draw = b""
    again = AllocationState(0, SHARDS)
    again.restore(without.SerializeToString())
    assert again.snapshot() == recovered.snapshot() == snapshot
