"""Small card games that are over, published, for tests that change them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hongbao.cards.v1 import events_pb2 as events
from services.cards.domain.proof.proofs import CardProof, GameSeed
from services.cards.domain.sets.luck import LUCK_CLASSES, lucky_shares, worth_fen
from services.cards.domain.supply.draw import deck_cards
from services.cards.domain.vocabulary import CampaignId, ShareMode
from services.cli.proofs.cards.audit import CardsSaid, DeckSaid, ShardSums
from services.cli.proofs.cards.published import PublishedCards
from services.cli.proofs.cards.statement import Outcome, Statement

SEED = bytes(range(32))
KINDS = ("PATRIOTISM", "PROSPERITY", "HARMONY", "FRIENDLINESS", "DEDICATION")
LIMITS = (30, 30, 30, 30, 8)
QUOTAS = {events.CARD_SOURCE_FRIEND: 40, events.CARD_SOURCE_TAP: 40}
POOL_FEN = 1_000


def statement(*, share_mode: ShareMode = ShareMode.EQUAL) -> Statement:
    """Two shards; at most 80 cards, of which 8 rare ones."""
    return Statement(
        game=GameSeed(CampaignId("spring"), hashlib.sha256(SEED).digest(), SEED, shard_count=2),
        opens_at="2016-02-07T12:00:00Z",
        deadline="2016-02-07T16:18:00Z",
        pool_fen=POOL_FEN,
        share_mode=share_mode,
        plan=events.SupplyPlan(
            card_limits=[
                events.CardLimit(card=events.Card.Value(f"CARD_{kind}"), issue_limit=limit)
                for kind, limit in zip(KINDS, LIMITS, strict=True)
            ],
            source_quotas=[
                events.SourceQuota(source=source, card_quota=quota) for source, quota in QUOTAS.items()
            ],
            expected_deals=60,
        ),
    )


@dataclass(frozen=True, slots=True)
class Dealt:
    """So many cards of a deck that were dealt, of each source in turn."""

    deck: DeckSaid
    by_source: tuple[int, ...] = ()


DECKS = (
    Dealt(DeckSaid(0, 1, (5, 5, 4, 3, 3)), (12, 8)),
    Dealt(DeckSaid(0, 2, (5, 5, 5, 4, 1)), (3, 4)),
    Dealt(DeckSaid(0, 4, (1, 1, 1, 1, 1))),
    Dealt(DeckSaid(1, 1, (4, 4, 4, 4, 2)), (9,)),
)
"""Of the second deck a part was dealt, of the third nothing; the one between them never came."""
SETS = (2, 1)


def lucks(sets: int, first: int) -> tuple[int, ...]:
    """So many sets of different luck."""
    return tuple(int(luck in range(first, first + 7 * sets, 7)) for luck in range(1, LUCK_CLASSES + 1))


def run_of(said: Statement, dealt: Dealt) -> CardsSaid:
    """The cards as they were drawn."""
    deck = dealt.deck
    sources = np.repeat(np.arange(1, len(dealt.by_source) + 1, dtype=np.uint8), dealt.by_source)
    drawn = deck_cards(said.game.key(deck.shard), deck.number, deck.kind_counts)
    return CardsSaid(deck.shard, deck.number, 0, drawn[: len(sources)], sources)


def sums_of(said: Statement, shard: int, decks: Sequence[Dealt] = DECKS) -> ShardSums:
    runs = [run_of(said, dealt) for dealt in decks if dealt.deck.shard == shard]
    issued, dealt = np.zeros(6, np.int64), np.zeros(6, np.int64)
    for run in runs:
        issued += np.bincount(run.cards, minlength=6)
        dealt += np.bincount(run.sources, minlength=6)
    is_lucky = said.share_mode is ShareMode.LUCKY
    return ShardSums(
        shard=shard,
        leased=tuple(
            sum(column)
            for column in zip(
                *(dealt.deck.kind_counts for dealt in decks if dealt.deck.shard == shard), strict=True
            )
        ),
        issued=tuple(issued[1:].tolist()),
        dealt=tuple(dealt[1:].tolist()),
        sets_completed=SETS[shard],
        sets_by_luck=lucks(SETS[shard], 40 + shard) if is_lucky else (),
    )


def outcome_of(said: Statement, decks: Sequence[Dealt] = DECKS) -> Outcome:
    if said.share_mode is ShareMode.EQUAL:
        return Outcome(SETS, POOL_FEN // sum(SETS), POOL_FEN % sum(SETS))
    by_shard = [sums_of(said, shard, decks).sets_by_luck for shard in range(2)]
    by_luck = tuple(map(sum, zip(*by_shard, strict=True)))
    shares_fen = lucky_shares(POOL_FEN, by_luck)
    return Outcome(
        sets_by_shard=SETS,
        share_fen=0,
        remainder_fen=POOL_FEN - worth_fen(shares_fen, by_luck),
        sets_by_luck=by_luck,
        luck_shares_fen=shares_fen,
        shard_shares_fen=tuple(worth_fen(shares_fen, sets) for sets in by_shard),
    )


def published(said: Statement, decks: Sequence[Dealt] = DECKS) -> bytes:
    """The file of a game in which this was dealt."""
    text = io.BytesIO()
    file = PublishedCards(text, said)
    for shard in range(said.game.shard_count):
        for dealt in decks:
            if dealt.deck.shard == shard:
                file.deck(dealt.deck)
                file.cards(run_of(said, dealt))
        file.end_shard(sums_of(said, shard, decks))
    file.end(outcome_of(said, decks))
    return text.getvalue()


def a_proof() -> CardProof:
    said, dealt = statement(), DECKS[1]
    run = run_of(said, dealt)
    return CardProof(said.game, 0, dealt.deck.number, dealt.deck.kind_counts, 5, int(run.cards[5]))
