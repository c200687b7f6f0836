from __future__ import annotations

import hashlib

import numpy as np
import pytest

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.cli.proofs.draw import Mismatch, check_page, check_seed

SEED = b"s" * 32
AMOUNTS = np.array([5, 7, 9], np.uint16)


def closed_round() -> allocation.Round:
    return allocation.Round(
        phase=allocation.ROUND_PHASE_CLOSED,
        seed=SEED,
        seed_commitment=hashlib.sha256(SEED).digest(),
        budget_fen=21,
        packet_count=3,
        parts=[allocation.StockPart(shard=0, packet_count=3, budget_fen=21)],
    )


def page(indexes: list[int], persons: list[int], amounts_fen: list[int]) -> allocation.ListPacketsResponse:
    return allocation.ListPacketsResponse(packet_indexes=indexes, person_ids=persons, amounts_fen=amounts_fen)


def test_a_round_that_keeps_its_commitment_passes() -> None:
    check_seed(closed_round())
    winners: set[int] = set()
    check_page(0, AMOUNTS, page([0, 2], [11, 12], [5, 9]), winners)
    assert winners == {11, 12}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"phase": allocation.ROUND_PHASE_OPEN}, "not closed"),
        ({"seed": b"t" * 32}, "not the one that was committed"),
        ({"budget_fen": 22}, "add up to the budget"),
        ({"packet_count": 4}, "number of packets"),
    ],
)
def test_a_round_that_was_tampered_with_is_named(change: dict[str, object], complaint: str) -> None:
    tampered = closed_round()
    tampered.MergeFrom(allocation.Round(**change))  # type: ignore[arg-type]  # one field of any type
    with pytest.raises(Mismatch, match=complaint):
        check_seed(tampered)


@pytest.mark.parametrize(
    ("listed", "complaint"),
    [
        (page([0, 1], [11, 12], [5, 8]), "packet 1 of shard 0 paid 8 fen, the seed gives 7"),
        (page([3], [11], [5]), "packet 3 of shard 0 does not exist"),
        (page([-1], [11], [9]), "does not exist"),
        (page([0, 1], [11, 11], [5, 7]), "second one of the same person"),
    ],
)
def test_the_first_packet_that_does_not_fit_is_named(
    listed: allocation.ListPacketsResponse, complaint: str
) -> None:
    with pytest.raises(Mismatch, match=complaint):
        check_page(0, AMOUNTS, listed, set())
