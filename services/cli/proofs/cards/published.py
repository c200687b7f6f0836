"""The published file of a card game: everything that anyone needs to check its draw, and nobody's name.

The README of the folder above describes the format. It is written line by line, however many cards there are.
"""

from __future__ import annotations

from typing import IO

from google.protobuf import json_format

from services.cards.domain.supply.draw import Kinds
from services.cards.domain.supply.grants import source_column
from services.cli.proofs.cards.audit import CardsSaid, DeckSaid, ShardSums
from services.cli.proofs.cards.statement import Outcome, Statement
from services.cli.proofs.lines import WrittenLines

FORMAT = "hongbao cards 1"
RUN_CARDS_MAX = 10_000
"""Most cards on a line."""
_ZERO = ord("0")


class PublishedCards:
    """Writes a file, line by line: the heading, each shard's decks and cards, its sums, and the outcome."""

    def __init__(self, file: IO[bytes], said: Statement) -> None:
        self._lines = WrittenLines(file)
        game = said.game
        self._lines.write(
            {
                "format": FORMAT,
                "campaign_id": game.campaign_id,
                "seed_commitment": game.seed_commitment.hex(),
                "seed": game.seed.hex(),
                "shard_count": game.shard_count,
                "opens_at": said.opens_at,
                "deadline": said.deadline,
                "pool_fen": said.pool_fen,
                "share_mode": said.share_mode.name,
                "plan": json_format.MessageToDict(said.plan, preserving_proto_field_name=True),
            }
        )

    def deck(self, deck: DeckSaid) -> None:
        """Writes a deck, before its cards."""
        self._lines.write({"shard": deck.shard, "deck": deck.number, "kind_counts": deck.kind_counts})

    def cards(self, said: CardsSaid) -> None:
        """Writes cards, as many lines as it takes."""
        for start in range(0, len(said.cards), RUN_CARDS_MAX):
            stop = start + RUN_CARDS_MAX
            self._lines.write(
                {
                    "shard": said.shard,
                    "deck": said.deck_number,
                    "place": said.first_place + start,
                    "cards": _digits(said.cards[start:stop]),
                    "sources": _digits(said.sources[start:stop]),
                }
            )

    def end_shard(self, sums: ShardSums) -> None:
        """Writes a shard's sums."""
        self._lines.write(
            {
                "shard": sums.shard,
                "leased": sums.leased,
                "issued": sums.issued,
                "dealt": source_column(sums.dealt),
                "sets_completed": sums.sets_completed,
                "sets_by_luck": sums.sets_by_luck,
            }
        )

    def end(self, outcome: Outcome) -> bytes:
        """Writes the last line; returns the digest of all others, which stands on it."""
        digest = self._lines.digest
        self._lines.write(
            {
                "sets_by_shard": outcome.sets_by_shard,
                "share_fen": outcome.share_fen,
                "remainder_fen": outcome.remainder_fen,
                "sets_by_luck": outcome.sets_by_luck,
                "luck_shares_fen": outcome.luck_shares_fen,
                "shard_shares_fen": outcome.shard_shares_fen,
                "sha256": digest.hex(),
            }
        )
        return digest


def _digits(column: Kinds) -> str:
    """A digit for each: none of what they stand for goes above 9."""
    return (column + _ZERO).tobytes().decode("ascii")
