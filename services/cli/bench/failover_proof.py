"""The proof of `bench failover`: what callers were told is what the shards have on record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hongbao.allocation.v1 import allocation_pb2
from services.cli.bench.allocation_process import channels_of, won_packets
from services.cli.bench.failover_load import Asked
from services.cli.bench.failover_mesh import FailoverMesh

_WON = (allocation_pb2.CLAIM_OUTCOME_WON, allocation_pb2.CLAIM_OUTCOME_ALREADY_WON)


@dataclass(slots=True)
class Proof:
    """What the comparison came to."""

    told: int = 0
    """Wins that were acknowledged."""
    lost: int = 0
    """Acknowledged wins that are not on record, with that packet and that amount."""
    twice: int = 0
    """People with two packets on record, and packets that two people were told of."""
    refused: int = 0
    """Claims that were answered, but not with a packet."""


async def prove(mesh: FailoverMesh, answered: Sequence[Asked], stock_id: str) -> Proof:
    """Reads all packets of all shards, and compares them with all answers."""
    proof = Proof()
    channels = channels_of("operator")
    try:
        for shard in range(mesh.owners.shard_count):
            owner = mesh.owners.owner(shard)
            assert owner is not None, "the shards have owners before they are compared"  # noqa: S101 - see there
            pages = [page async for page in won_packets(channels, owner.address, stock_id, shard)]
            people = np.concatenate([page[0] for page in pages])
            amounts = np.concatenate([page[1] for page in pages])
            compare(proof, people, amounts, [asked for asked in answered if asked.shard == shard])
    finally:
        await channels.close()
    return proof


def compare(proof: Proof, people: np.ndarray, amounts_fen: np.ndarray, answered: Sequence[Asked]) -> None:
    """Adds a shard to the proof: who has which packet on record, by index, and what people were told."""
    proof.twice += len(people) - len(np.unique(people))
    if not answered:
        return
    claimants = np.concatenate([asked.people for asked in answered])
    outcomes = np.concatenate([asked.outcomes for asked in answered])
    indexes = np.concatenate([asked.packet_indexes for asked in answered])
    told_fen = np.concatenate([asked.amounts_fen for asked in answered])
    won = np.isin(outcomes, _WON)
    claimants, indexes, told_fen = claimants[won], indexes[won], told_fen[won]
    proof.refused += len(outcomes) - len(claimants)
    proof.told += len(claimants)
    proof.twice += len(indexes) - len(np.unique(indexes))
    known = indexes < len(people)
    same = people[indexes[known]] == claimants[known]
    same &= amounts_fen[indexes[known]] == told_fen[known]
    proof.lost += len(claimants) - int(same.sum())
