"""Reads the published file of a card game and recomputes it, line by line. Needs nothing but the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

import numpy as np
from google.protobuf import json_format

from hongbao.cards.v1 import events_pb2 as events
from services.allocation.domain.proofs import Mismatch
from services.cards.domain.proof.proofs import GameSeed
from services.cards.domain.supply.draw import Kinds
from services.cards.domain.supply.grants import by_source, source_column
from services.cards.domain.vocabulary import CARDS, CampaignId, ShareMode
from services.cli.proofs.bounds import CARDS_MAX_DEFAULT, CardsBudget
from services.cli.proofs.cards.audit import CardsAudit, CardsSaid, DeckSaid, ShardSums
from services.cli.proofs.cards.published import FORMAT, RUN_CARDS_MAX
from services.cli.proofs.cards.statement import Outcome, Statement
from services.cli.proofs.lines import Line, Lines

_ZERO = ord("0")


@dataclass(frozen=True, slots=True)
class VerifiedCards:
    """A published card game that holds."""

    statement: Statement
    cards: int
    """Cards that were dealt; each was recomputed."""
    decks: int
    """Decks that they were dealt from."""
    outcome: Outcome
    digest: bytes
    """SHA-256 of all lines but the last: who has the same digest has the same file."""


def verify_published_cards(file: IO[bytes], cards_max: int = CARDS_MAX_DEFAULT) -> VerifiedCards:
    """Recomputes a file. Raises `Mismatch`, which names the line, `NotVerifiable` for one too large."""
    lines = Lines(file)
    try:
        return _verify(lines, CardsBudget(cards_max))
    except Mismatch as mismatch:
        raise Mismatch(f"line {lines.number}: {mismatch}") from None


def _verify(lines: Lines, budget: CardsBudget) -> VerifiedCards:
    audit = CardsAudit(_heading(lines))
    outcome: Outcome | None = None
    for line in lines:
        if "cards" in line.fields:
            audit.add_cards(_cards(line))
        elif "deck" in line.fields:
            deck = _deck(line)
            budget.take(sum(deck.kind_counts))
            audit.add_deck(deck)
        elif "shard" in line.fields:
            audit.end_shard(_sums(line))
        else:
            outcome = _outcome(line)
            audit.end(outcome)
            if line.binary("sha256") != lines.digest_before:
                raise Mismatch("the digest is of other lines: something above was changed")
            lines.end()
        line.end()
    if outcome is None:
        raise Mismatch("the file ends before its last line")
    return VerifiedCards(audit.statement, audit.cards, audit.decks, outcome, lines.digest_before)


def _heading(lines: Lines) -> Statement:
    line = next(lines, None)
    if line is None or line.text("format") != FORMAT:
        raise Mismatch(f"the file does not begin as a {FORMAT!r} does")
    statement = Statement(
        game=GameSeed(
            campaign_id=CampaignId(line.text("campaign_id")),
            seed_commitment=line.binary("seed_commitment"),
            seed=line.binary("seed"),
            shard_count=line.number("shard_count"),
        ),
        opens_at=line.text("opens_at"),
        deadline=line.text("deadline"),
        pool_fen=line.number("pool_fen"),
        share_mode=_share_mode(line),
        plan=_plan(line),
    )
    line.end()
    return statement


def _share_mode(line: Line) -> ShareMode:
    name = line.text("share_mode")
    if name not in ShareMode.__members__:
        raise Mismatch("share_mode is neither EQUAL nor LUCKY")
    return ShareMode[name]


def _plan(line: Line) -> events.SupplyPlan:
    try:
        return json_format.ParseDict(line.nested("plan"), events.SupplyPlan())
    except (json_format.ParseError, ValueError, TypeError, RecursionError) as wrong:
        first = (str(wrong).splitlines() or [""])[0]
        raise Mismatch(f"the plan is none: {first}") from None


def _deck(line: Line) -> DeckSaid:
    return DeckSaid(line.number("shard"), line.number("deck"), line.counts("kind_counts", len(CARDS)))


def _cards(line: Line) -> CardsSaid:
    cards = _digits(line, "cards")
    if not 0 < len(cards) <= RUN_CARDS_MAX:
        raise Mismatch(f"a line has 1 to {RUN_CARDS_MAX} cards, not {len(cards)}")
    return CardsSaid(
        shard=line.number("shard"),
        deck_number=line.number("deck"),
        first_place=line.number("place"),
        cards=cards,
        sources=_digits(line, "sources"),
    )


def _digits(line: Line, name: str) -> Kinds:
    text = line.text(name)
    column = np.frombuffer(text.encode(), np.uint8) - _ZERO
    if len(column) and int(column.max()) > 9:  # noqa: PLR2004 - the digits end there
        raise Mismatch(f"{name} has something else than digits")
    return column


def _sums(line: Line) -> ShardSums:
    return ShardSums(
        shard=line.number("shard"),
        leased=line.counts("leased", len(CARDS)),
        issued=line.counts("issued", len(CARDS)),
        dealt=_dealt(line),
        sets_completed=line.number("sets_completed"),
        sets_by_luck=line.counts("sets_by_luck"),
    )


def _dealt(line: Line) -> tuple[int, ...]:
    column = line.counts("dealt")
    if tuple(column) != tuple(source_column(by_source(column))):
        raise Mismatch(f"dealt has {len(column)} numbers, of sources that are none or have none")
    return by_source(column)


def _outcome(line: Line) -> Outcome:
    return Outcome(
        sets_by_shard=line.counts("sets_by_shard"),
        share_fen=line.number("share_fen"),
        remainder_fen=line.number("remainder_fen"),
        sets_by_luck=line.counts("sets_by_luck"),
        luck_shares_fen=line.counts("luck_shares_fen"),
        shard_shares_fen=line.counts("shard_shares_fen"),
    )
