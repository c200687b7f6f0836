from __future__ import annotations

from typing import Any

import pytest

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.proofs import Mismatch
from services.allocation.domain.proofs_contract import statement_of
from services.cli.proofs.draw import check_people, check_round, runs_of
from tests.unit.cli.published_rounds import BEACON, DRAND, statement


def closed_round(*, beacon: str = "") -> allocation.Round:
    said = statement(beacon=beacon)
    return allocation.Round(
        stock_id=said.stock_id,
        phase=allocation.ROUND_PHASE_CLOSED,
        seed=said.seed,
        seed_commitment=said.seed_commitment,
        draw_rule=said.draw_rule,
        beacon=said.beacon,
        beacon_value=said.beacon_value,
        budget_fen=said.budget_fen,
        packet_count=said.packet_count,
        packet_min_fen=said.packet_min_fen,
        packet_max_fen=said.packet_max_fen,
        parts=[
            allocation.StockPart(shard=shard, packet_count=part.count, budget_fen=part.budget_fen)
            for shard, part in enumerate(said.parts())
        ],
    )


@pytest.mark.parametrize("beacon", ["", DRAND])
def test_a_round_that_keeps_its_commitment_passes(beacon: str) -> None:
    check_round(closed_round(beacon=beacon))
    assert statement_of(closed_round(beacon=beacon)) == statement(beacon=beacon)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"phase": allocation.ROUND_PHASE_OPEN}, "not closed"),
        ({"seed": b"t" * 32}, "not the one that was committed"),
        ({"budget_fen": 6690}, "part 0 is said to be 20 packets of 3340 fen; the split gives 20 of 3345"),
        ({"packet_count": 44}, "part 0 is said to be 20 packets"),
        ({"draw_rule": 2}, "needs an announced beacon"),
        ({"beacon_value": BEACON}, "rule 1 of the draw has no beacon"),
    ],
)
def test_a_round_that_was_tampered_with_is_named(change: dict[str, Any], complaint: str) -> None:
    tampered = closed_round()
    tampered.MergeFrom(allocation.Round(**change))
    with pytest.raises(Mismatch, match=complaint):
        check_round(tampered)


def test_a_page_is_cut_where_packets_came_from_elsewhere() -> None:
    page = allocation.ListPacketsResponse(
        packet_indexes=[7, 8, 9, 10, 11],
        person_ids=[1, 2, 3, 4, 5],
        amounts_fen=[10, 11, 12, 13, 14],
        drawn_shards=[0, 0, 3, 3, 3],
        drawn_indexes=[7, 8, 40, 41, 90],
    )
    runs = list(runs_of(0, page))
    assert [(run.packet_index, run.drawn_shard, run.drawn_index) for run in runs] == [
        (7, 0, 7),
        (9, 3, 40),
        (11, 3, 90),
    ]
    assert [run.amounts_fen.tolist() for run in runs] == [[10, 11], [12, 13], [14]]
    assert not list(runs_of(0, allocation.ListPacketsResponse()))


def test_a_person_who_won_twice_is_named() -> None:
    page = allocation.ListPacketsResponse(packet_indexes=[0, 1], person_ids=[11, 12])
    winners: set[int] = set()
    check_people(0, page, winners)
    assert winners == {11, 12}
    again = allocation.ListPacketsResponse(packet_indexes=[2, 3], person_ids=[13, 11])
    with pytest.raises(Mismatch, match="packet 3 of shard 0 is the second one of the same person"):
        check_people(0, again, winners)
