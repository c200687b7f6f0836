"""Proofs as the contract carries them."""

from __future__ import annotations

from hongbao.allocation.v1 import allocation_pb2
from services.allocation.domain.proofs import Proof, Statement
from services.allocation.domain.values import StockId


def statement_of(closed: allocation_pb2.Round) -> Statement:
    """What the contract shows of a closed round."""
    return Statement(
        stock_id=StockId(closed.stock_id),
        draw_rule=closed.draw_rule,
        seed_commitment=closed.seed_commitment,
        seed=closed.seed,
        beacon=closed.beacon,
        beacon_value=closed.beacon_value,
        shard_count=len(closed.parts),
        packet_count=closed.packet_count,
        budget_fen=closed.budget_fen,
        packet_min_fen=closed.packet_min_fen,
        packet_max_fen=closed.packet_max_fen,
    )


def proof_message(proof: Proof) -> allocation_pb2.Proof:
    """The proof as the contract carries it."""
    said = proof.statement
    return allocation_pb2.Proof(
        stock_id=said.stock_id,
        draw_rule=said.draw_rule,
        seed_commitment=said.seed_commitment,
        seed=said.seed,
        beacon=said.beacon,
        beacon_value=said.beacon_value,
        shard_count=said.shard_count,
        packet_count=said.packet_count,
        budget_fen=said.budget_fen,
        packet_min_fen=said.packet_min_fen,
        packet_max_fen=said.packet_max_fen,
        shard=proof.shard,
        packet_index=proof.packet_index,
        drawn_shard=proof.drawn_shard,
        drawn_index=proof.drawn_index,
        amount_fen=proof.amount_fen,
        digest=proof.digest,
    )


def read_proof(message: allocation_pb2.Proof) -> Proof:
    """What the message says; its digest is for `Proof.check`."""
    return Proof(
        statement=Statement(
            stock_id=StockId(message.stock_id),
            draw_rule=message.draw_rule,
            seed_commitment=message.seed_commitment,
            seed=message.seed,
            beacon=message.beacon,
            beacon_value=message.beacon_value,
            shard_count=message.shard_count,
            packet_count=message.packet_count,
            budget_fen=message.budget_fen,
            packet_min_fen=message.packet_min_fen,
            packet_max_fen=message.packet_max_fen,
        ),
        shard=message.shard,
        packet_index=message.packet_index,
        drawn_shard=message.drawn_shard,
        drawn_index=message.drawn_index,
        amount_fen=message.amount_fen,
    )
