"""A card game that is over, read from a mesh: to be verified there, or published for everybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO, Protocol

import numpy as np

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from hongbao.cards.v1 import proof_pb2 as proofs
from hongbao.cards.v1 import proof_pb2_grpc as proofs_grpc
from services.allocation.domain.proofs import Mismatch
from services.cards.domain.supply.grants import by_source
from services.cli.operator import Operator
from services.cli.proofs.cards.audit import CardsAudit, CardsSaid, DeckSaid, ShardSums
from services.cli.proofs.cards.published import RUN_CARDS_MAX, PublishedCards
from services.cli.proofs.cards.sets import SetsAudit
from services.cli.proofs.cards.statement import outcome_of, statement_of


@dataclass(frozen=True, slots=True)
class GameProof:
    """What came out of recomputing a game."""

    campaign_id: str
    cards: int
    """Cards that were compared."""
    complaint: str
    """The first thing that does not fit, in words; empty when all does."""

    @property
    def holds(self) -> bool:
        """Whether the draw was what the commitment promised."""
        return not self.complaint


class GameProofs(Protocol):
    """Where what shards dealt is read."""

    def game_proof(
        self, campaign_id: str, shard: int, *, with_sets: bool
    ) -> AsyncIterator[proofs.ReadProofResponse]:
        """All that one shard dealt, part by part, and its seal."""
        ...


@dataclass(frozen=True, slots=True)
class OperatorProofs:
    """The operator's own way to them; `GameProofs`."""

    operator: Operator

    def game_proof(
        self, campaign_id: str, shard: int, *, with_sets: bool
    ) -> AsyncIterator[proofs.ReadProofResponse]:
        """See `GameProofs.game_proof`."""
        request = proofs.ReadProofRequest(campaign_id=campaign_id, shard=shard, with_sets=with_sets)
        return self.operator.from_cards(
            shard, lambda channel: proofs_grpc.CardProofServiceStub(channel).ReadProof(request)
        )


async def verify_game(source: GameProofs, game: cards.Game) -> GameProof:
    """Recomputes every card of a closed game, the luck of every set, and the division of the pool."""
    audit: CardsAudit | None = None
    complaint = ""
    try:
        audit = CardsAudit(statement_of(game))
        for shard in range(game.shard_count):
            sets = SetsAudit(audit.statement, shard)
            reading = _Reading(shard)
            async for part in source.game_proof(game.campaign_id, shard, with_sets=True):
                for said in reading.read(part):
                    _tell(audit, said)
                sets.add(part.completed)
            sums = _ended(reading)
            sets.end(sums)
            audit.end_shard(sums)
        audit.end(outcome_of(game))
    except Mismatch as mismatch:
        complaint = str(mismatch)
    return GameProof(game.campaign_id, audit.cards if audit is not None else 0, complaint)


async def write_game(source: GameProofs, game: cards.Game, file: IO[bytes]) -> bytes:
    """Writes the published file of a closed game, part by part; returns its digest. Raises `Mismatch`."""
    published = PublishedCards(file, statement_of(game))
    for shard in range(game.shard_count):
        reading = _Reading(shard)
        async for part in source.game_proof(game.campaign_id, shard, with_sets=False):
            for said in reading.read(part):
                if isinstance(said, DeckSaid):
                    published.deck(said)
                else:
                    published.cards(said)
        published.end_shard(_ended(reading))
    return published.end(outcome_of(game))


def _tell(audit: CardsAudit, said: DeckSaid | CardsSaid) -> None:
    if isinstance(said, DeckSaid):
        audit.add_deck(said)
    else:
        audit.add_cards(said)


def _ended(reading: _Reading) -> ShardSums:
    if reading.sums is None:
        raise Mismatch(f"shard {reading.shard} does not say how it was sealed")
    return reading.sums


class _Reading:
    """A shard's proof as it comes in, put in the order of the published file: each deck before its cards."""

    def __init__(self, shard: int) -> None:
        self.shard = shard
        self.sums: ShardSums | None = None
        """What the seal says, once it has come."""
        self._decks: list[DeckSaid] = []
        """Those that were not begun yet."""
        self._leased = np.zeros(5, np.int64)
        self._run: proofs.DealtCards | None = None
        """Cards that follow each other, and may go on."""

    def read(self, part: proofs.ReadProofResponse) -> list[DeckSaid | CardsSaid]:
        """What is said so far, as far as it is known to be whole."""
        said: list[DeckSaid | CardsSaid] = []
        self._decks += [
            DeckSaid(self.shard, deck.deck_number, tuple(deck.kind_counts)) for deck in part.decks
        ]
        for dealt in part.dealt:
            said += self._go_on(dealt)
        if part.HasField("seal"):
            said += self._flush()
            said += self._decks
            self._decks = []
            self.sums = _sums(self.shard, part.seal)
        return said

    def _go_on(self, dealt: proofs.DealtCards) -> list[DeckSaid | CardsSaid]:
        run = self._run
        if run is not None and _follows(run, dealt):
            run.cards += dealt.cards
            run.sources += dealt.sources
            return []
        said = self._flush()
        self._run = proofs.DealtCards()
        self._run.CopyFrom(dealt)
        return said

    def _flush(self) -> list[DeckSaid | CardsSaid]:
        run, self._run = self._run, None
        if run is None:
            return []
        begun = [deck for deck in self._decks if deck.number <= run.deck_number]
        self._decks = self._decks[len(begun) :]
        cards, sources = np.frombuffer(run.cards, np.uint8), np.frombuffer(run.sources, np.uint8)
        return [*begun, CardsSaid(self.shard, run.deck_number, run.first_place, cards, sources)]


def _follows(run: proofs.DealtCards, dealt: proofs.DealtCards) -> bool:
    """Whether cards may stand on the same line as those before them."""
    return (
        run.deck_number == dealt.deck_number
        and run.first_place + len(run.cards) == dealt.first_place
        and len(run.cards) + len(dealt.cards) <= RUN_CARDS_MAX
    )


def _sums(shard: int, seal: events.ShardSealed) -> ShardSums:
    return ShardSums(
        shard=shard,
        leased=tuple(seal.supply.leased_by_kind),
        issued=tuple(seal.issued_by_card),
        dealt=by_source(seal.supply.supply.dealt_by_source),
        sets_completed=seal.sets_completed,
        sets_by_luck=tuple(seal.sets_by_luck),
    )
