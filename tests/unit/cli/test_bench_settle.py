"""What `bench settle` lays out before the clock starts, and what it makes of what it saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields
from typing import Any

import pytest

from hongbao.allocation.v1 import allocation_pb2
from hongbao.cards.v1 import cards_pb2
from services.cli.bench.settle import _difference_fen, _reached_s
from services.cli.bench.settle_feeds import _after
from services.cli.bench.settle_plan import (
    POOL_FEN,
    ROUNDS,
    SettlePlan,
    Sizes,
    decision_message,
    packet_messages,
    plan_settlement,
    set_messages,
    stock,
)
from services.cli.bench.settle_run import SettleResult
from services.cli.bench.settle_storage import Measured
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.books import Books
from services.settlement.domain.campaign_books import CampaignBooks

SIZES = Sizes(5_000, 3, 1_001, settlement_shards=2, allocation_shards=4, cards_shards=2)


@pytest.fixture(scope="module")
def plan() -> SettlePlan:
    return plan_settlement(SIZES)


def test_everybody_wins_once_in_each_round_on_their_own_shard(plan: SettlePlan) -> None:
    for part in plan.parts:
        won: Counter[tuple[str, int]] = Counter()
        fen: Counter[str] = Counter()
        closed_fen: dict[str, int] = {}
        seq = 0
        for message in packet_messages(plan, part.shard):
            records = allocation_pb2.ReadEventsResponse.FromString(message.content).records
            assert (records[0].seq, records[-1].seq) == (message.first_seq, message.last_seq)
            for record in records:
                seq += 1
                assert record.seq == seq
                packets, closed = record.event.packets_won, record.event.stock_closed
                won.update((packets.stock_id, person_id) for person_id in packets.person_ids)
                fen[packets.stock_id] += sum(packets.amounts_fen)
                if closed.stock_id:
                    closed_fen[closed.stock_id] = closed.won_fen
        assert set(won.values()) == {1}
        assert len(won) == ROUNDS * len(part.person_ids)
        assert {shard_of(person_id, 4) for _, person_id in won} == {part.shard}
        paid_fen = {stock(number): plan.round_parts_fen(number)[part.shard] for number in range(ROUNDS)}
        assert {stock_id: fen[stock_id] for stock_id in paid_fen} == paid_fen == closed_fen
    assert plan.packets == 4 * (SIZES.transfers // 16) * ROUNDS


def test_the_cards_feeds_tell_every_set_and_then_the_decision(plan: SettlePlan) -> None:
    told: list[int] = []
    for shard in range(2):
        messages = [*set_messages(plan, shard), decision_message(plan, shard)]
        records = [
            record
            for message in messages
            for record in cards_pb2.ReadEventsResponse.FromString(message.content).records
        ]
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        told += [record.event.set_completed.person_id for record in records[:-1]]
        decided = records[-1].event.pool_decided
        assert decided.share_fen == POOL_FEN // SIZES.completers
        assert sum(decided.sets_by_shard) == SIZES.completers
    assert len(set(told)) == len(told) == SIZES.completers


def test_a_reader_that_comes_back_gets_the_rest_of_a_message(plan: SettlePlan) -> None:
    message = packet_messages(plan, 0)[0]
    assert _after("allocation", message, 0) == message.content
    rest = allocation_pb2.ReadEventsResponse.FromString(_after("allocation", message, 7)).records
    assert [record.seq for record in rest] == list(range(8, message.last_seq + 1))


def test_a_moment_between_two_looks_is_in_proportion() -> None:
    result = SettleResult(progress=[(1.0, 0.0), (2.0, 0.5), (4.0, 1.0)])
    assert [_reached_s(result, share) for share in (0.25, 0.5, 0.75, 1.0)] == [1.5, 2.0, 3.0, 4.0]


def _books(plan: SettlePlan, **off: int) -> Books:
    """What the plan comes to, and so much more or less."""
    division = plan.division
    values: dict[str, Any] = {field.name: 0 for field in fields(CampaignBooks)} | {
        "campaign_id": "bench",
        "remainder_fen": division.remainder_fen,
        "packets_fen": plan.packets_fen,
        "packets": plan.packets,
        "prizes_fen": division.share_fen * SIZES.completers,
        "prizes": SIZES.completers,
    }
    campaign = CampaignBooks(**values | {name: values[name] + by for name, by in off.items()})
    return Books((), (campaign,), 0, (), (), ())


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, 0),
        ({"packets_fen": -1}, 1),
        ({"packets": 1}, 1),
        ({"prizes_fen": 2}, 2),
        ({"prizes": -3}, 3),
        ({"remainder_fen": 1}, 1),
        ({"escrow_fen": 5}, 1),
    ],
)
def test_whatever_the_books_say_beside_the_plan_is_wrong(
    plan: SettlePlan, changes: dict[str, int], wrong: int
) -> None:
    good = _books(plan)
    off = _books(plan, **changes)
    for books, recovered in ((good, off), (off, good)):
        result = SettleResult(books=books, recovered=recovered)
        assert _difference_fen(Measured(plan, result, 0, 0)) == wrong
    assert _difference_fen(Measured(plan, SettleResult(books=good), 0, 0)) > 0
