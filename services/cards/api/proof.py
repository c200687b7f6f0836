"""CardProofService: what was drawn, once it is no secret any more."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from hongbao.cards.v1 import events_pb2, proof_pb2, proof_pb2_grpc
from services.cards.api.numbered import numbered_shard
from services.cards.contract import seal_to_contract
from services.cards.domain.game import ShardGame
from services.cards.domain.placement import shard_of_person
from services.cards.domain.ports import OwnedShards
from services.cards.domain.proof.drawn import DrawnDecks, prove_card, require_closed, sealed_as
from services.cards.domain.proof.proofs_contract import card_proof_message
from services.cards.domain.vocabulary import CampaignId, PersonId, Source
from services.mesh.shards.host import Shard, ShardHost

_RECORDS_PER_READ = 256
"""Few at a time: the shard has other work in between."""
_DECKS_PER_MESSAGE = 4_096
_CARDS_PER_MESSAGE = 65_536
_SETS_PER_MESSAGE = 16_384


class CardProofApi(proof_pb2_grpc.CardProofServiceServicer):
    """Shows what was drawn. Read only."""

    def __init__(self, shards: OwnedShards, host: ShardHost[Any]) -> None:
        """Answers for `shards`, which are those of `host` as the rules see them."""
        self._shards = shards
        self._host = host

    async def ReadProof(
        self, request: proof_pb2.ReadProofRequest, _context: Any
    ) -> AsyncIterator[proof_pb2.ReadProofResponse]:
        """See the contract."""
        shard = numbered_shard(self._shards, request.shard)
        game = shard.state.game(CampaignId(request.campaign_id))
        require_closed(game)
        await shard.settled()
        for message in _decks(game):
            yield message
        async for message in self._cards(self._host.owned(request.shard), game):
            yield message
        if request.with_sets:
            for message in _sets(game):
                yield message
        yield proof_pb2.ReadProofResponse(seal=seal_to_contract(sealed_as(game)))

    async def ProveCard(
        self, request: proof_pb2.ProveCardRequest, _context: Any
    ) -> proof_pb2.ProveCardResponse:
        """See the contract."""
        person_id = PersonId(request.person_id)
        shard = self._shards.owned(shard_of_person(person_id, self._shards.shard_count))
        game = shard.state.game(CampaignId(request.campaign_id))
        proof = prove_card(game, person_id, Source(request.source), request.source_key)
        await shard.settled()
        return proof_pb2.ProveCardResponse(proof=card_proof_message(proof))

    async def _cards(self, held: Shard[Any], game: ShardGame) -> AsyncIterator[proof_pb2.ReadProofResponse]:
        """Everything that was dealt, read from the journal up to where it is now."""
        decks = DrawnDecks(game.issued.decks.records())
        after_seq, last_seq = 0, held.durable_seq
        message, cards = proof_pb2.ReadProofResponse(), 0
        while after_seq < last_seq:
            for record in await held.read(after_seq, _RECORDS_PER_READ):
                after_seq = record.seq
                event = events_pb2.CardsEvent.FromString(record.payload)
                for deal in event.cards_dealt.deals:
                    if deal.campaign_id == game.prepared.campaign_id:
                        message.dealt.extend(_dealt(decks, deal))
                        cards += len(deal.cards)
                if cards >= _CARDS_PER_MESSAGE:
                    yield message
                    message, cards = proof_pb2.ReadProofResponse(), 0
        if cards:
            yield message


def _decks(game: ShardGame) -> Iterator[proof_pb2.ReadProofResponse]:
    records = game.issued.decks.records()
    for start in range(0, len(records), _DECKS_PER_MESSAGE):
        yield proof_pb2.ReadProofResponse(
            decks=[
                proof_pb2.ProofDeck(deck_number=record.number, kind_counts=record.counts)
                for record in records[start : start + _DECKS_PER_MESSAGE]
            ]
        )


def _dealt(decks: DrawnDecks, deal: events_pb2.Deal) -> Iterator[proof_pb2.DealtCards]:
    for run in decks.runs(deal.first_draw_index, bytes(deal.cards)):
        yield proof_pb2.DealtCards(
            deck_number=run.deck_number,
            first_place=run.first_place,
            cards=run.cards,
            sources=bytes([deal.source]) * len(run.cards),
        )


def _sets(game: ShardGame) -> Iterator[proof_pb2.ReadProofResponse]:
    columns = game.sets.columns(game.prepared.campaign_id)
    for start in range(0, len(columns.person_ids), _SETS_PER_MESSAGE):
        stop = start + _SETS_PER_MESSAGE
        yield proof_pb2.ReadProofResponse(
            completed=events_pb2.SetsCompleted(
                campaign_id=columns.campaign_id,
                person_ids=columns.person_ids[start:stop],
                completed_at_ms=columns.completed_at_ms[start:stop],
                luck_classes=columns.luck_classes[start:stop],
            )
        )
