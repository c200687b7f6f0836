"""Proofs as the contract carries them."""

from __future__ import annotations

from hongbao.cards.v1 import events_pb2, proof_pb2
from services.cards.domain.proof.proofs import CardProof, GameSeed
from services.cards.domain.vocabulary import CampaignId


def card_proof_message(proof: CardProof) -> proof_pb2.CardProof:
    """The proof as the contract carries it."""
    game = proof.game
    return proof_pb2.CardProof(
        campaign_id=game.campaign_id,
        seed_commitment=game.seed_commitment,
        seed=game.seed,
        shard_count=game.shard_count,
        shard=proof.shard,
        deck_number=proof.deck_number,
        kind_counts=proof.kind_counts,
        place=proof.place,
        card=events_pb2.Card.ValueType(proof.card),
        digest=proof.digest,
    )


def read_card_proof(message: proof_pb2.CardProof) -> CardProof:
    """What the message says; its digest is for `CardProof.check`."""
    return CardProof(
        game=GameSeed(
            campaign_id=CampaignId(message.campaign_id),
            seed_commitment=message.seed_commitment,
            seed=message.seed,
            shard_count=message.shard_count,
        ),
        shard=message.shard,
        deck_number=message.deck_number,
        kind_counts=tuple(message.kind_counts),
        place=message.place,
        card=message.card,
    )
