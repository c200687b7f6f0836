"""What an evening came to, and whether every fen of it is accounted for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from services.cli.gala.card_report import CardFigures
from services.cli.gala.people_report import PeopleFigures
from services.cli.gala.trace import SampledTrace
from services.cli.local_mesh.record import RunningProcess


@dataclass(frozen=True, slots=True)
class Line:
    """Two ways of knowing one amount, which must agree."""

    name: str
    left: str
    left_fen: int
    right: str
    right_fen: int

    @property
    def difference_fen(self) -> int:
        """What is missing on the right; 0 when the books are in order."""
        return self.left_fen - self.right_fen


@dataclass(frozen=True, slots=True)
class SharingFigures:
    """What people sent each other. All amounts are fen."""

    sent_on: int
    """Packets won, or got, that were split among friends."""
    group_packets: int
    asks_answered: int
    asks_declined: int
    sent_fen: int
    """What the senders were told is in their envelopes, added up by them."""
    held_fen: int
    """What settlement took out of wallets for envelopes."""
    shares: int
    shares_fen: int
    """What people were told they got, added up by them."""
    paid_fen: int
    """What settlement paid for shares."""
    left_fen: int
    """What settlement still holds for envelopes; it goes back to the senders after a day."""
    splits_verified: int
    """Lucky packets that have ended, and whose shares were recomputed from the revealed seed."""
    splits_hold: bool


@dataclass(frozen=True, slots=True)
class MoneyFigures:
    """Who verified late, and what people did with their money. All amounts are fen."""

    late_guests: int
    """People who played before they verified."""
    late_told_fen: int
    """What waited for them when they verified, as they were told."""
    second_accounts: int
    """Of them, those who turned out to be somebody whom the mesh knew already."""
    waited_fen: int
    """What went into waiting accounts."""
    arrived_fen: int
    """What came out of them into wallets."""
    expired_fen: int
    """What went back to the sponsor, because nobody verified in time."""
    twice_told_fen: int
    """What second accounts won in rounds that their person had won with the first one, as they were told."""
    twice_fen: int
    """What settlement gave back to the sponsor for it."""
    withdrawals: int
    withdrawals_fen: int
    """What people were told has left for their bank cards."""
    withdrawn_fen: int
    """What settlement has posted for it."""
    refused: int
    refused_fen: int
    """What banks refused: it came back, with the reason in words."""
    unexplained: int
    """Refused withdrawals whose money did not come back, or without a reason."""
    decided_fen: int
    """What an operator decided to pay for a dispute."""
    compensated_fen: int
    """What settlement paid for it."""
    statements: int
    entries: int
    entries_fen: int
    """Openings and entries of the statements that were read."""
    closing_fen: int
    """What the wallets of these statements hold."""


@dataclass(frozen=True, slots=True)
class GalaReport:
    """The figures of one evening. All amounts are fen."""

    people: int
    rounds: int
    taps: int
    """Single taps of fingers; clients report them in counts."""
    answered_at_gateway: int
    """Of these, taps that the gateway answered without asking anyone."""
    packets_won: int
    budget_fen: int
    won_fen: int
    """What allocation says was won."""
    seen_fen: int
    """What the players were told they won, added up by the players."""
    credited_fen: int
    """What settlement credited to wallets for packets."""
    returned_fen: int
    """What settlement gave back to the sponsor."""
    cards_dealt: Mapping[str, int]
    cards: CardFigures
    sets_completed: int
    pool_fen: int
    pool_paid_fen: int
    pool_remainder_fen: int
    pool_returned_fen: int
    """The whole pool when nobody completed a set, else 0."""
    sharing: SharingFigures
    money: MoneyFigures
    society: PeopleFigures
    """What people did beside the campaign."""
    wallets_fen: int
    """Sum of all players' balances, asked one by one."""
    books_difference_fen: int
    """Sum of the absolute differences of the ledger's own proof."""
    draw_verified: bool
    packets_verified: int
    processes: Sequence[RunningProcess]
    trace: SampledTrace | None
    duration_s: float

    def lines(self) -> list[Line]:
        """Every equation that must hold."""
        sharing, money = self.sharing, self.money
        pool_spent_fen = self.pool_paid_fen + self.pool_remainder_fen + self.pool_returned_fen
        return [
            Line("budget", "funded", self.budget_fen, "won + returned", self.won_fen + self.returned_fen),
            Line("won", "by allocation", self.won_fen, "credited by settlement", self.credited_fen),
            Line("seen", "by players", self.seen_fen, "by allocation", self.won_fen),
            Line("pool", "funded", self.pool_fen, "paid + remainder + returned", pool_spent_fen),
            Line("sent", "by players", sharing.sent_fen, "held by settlement", sharing.held_fen),
            Line("shares", "told to players", sharing.shares_fen, "paid by settlement", sharing.paid_fen),
            Line(
                "waited",
                "for people to verify",
                money.waited_fen,
                "arrived + returned",
                money.arrived_fen + money.twice_fen + money.expired_fen,
            ),
            Line(
                "twice", "won by one person", money.twice_told_fen, "returned to the sponsor", money.twice_fen
            ),
            Line("banks", "paid, by players", money.withdrawals_fen, "by settlement", money.withdrawn_fen),
            Line("disputes", "decided", money.decided_fen, "paid by settlement", money.compensated_fen),
            Line("statements", "openings + entries", money.entries_fen, "balances", money.closing_fen),
            Line(
                "wallets",
                "packets + shares of the pool + disputes",
                self.credited_fen + self.pool_paid_fen + money.compensated_fen,
                "players' balances + unopened + banks + returned",
                self.wallets_fen
                + sharing.left_fen
                + money.withdrawn_fen
                + money.twice_fen
                + money.expired_fen,
            ),
            Line("ledger", "unproven", self.books_difference_fen, "expected", 0),
        ]

    @property
    def difference_fen(self) -> int:
        """Sum of the absolute differences: differences must not cancel each other out."""
        return sum(abs(line.difference_fen) for line in self.lines())

    def in_order(self) -> bool:
        """Whether every fen, card and message is accounted for, and all draws were what was committed to."""
        return (
            self.difference_fen == 0
            and self.draw_verified
            and self.cards.holds
            and self.sharing.splits_hold
            and not self.money.unexplained
            and not self.society.complaints()
        )

    def write(self, path: Path) -> None:
        """Writes the report as JSON, whole or not at all. Raises `OSError`."""
        content = asdict(self) | {
            "difference_fen": self.difference_fen,
            "cards_difference": self.cards.difference,
            "messages_difference": self.society.chat.messages_difference,
            "complaints": self.society.complaints(),
            "lines": [asdict(line) | {"difference_fen": line.difference_fen} for line in self.lines()],
        }
        draft = path.with_name(f".{path.name}.draft")
        try:
            draft.write_text(json.dumps(content, indent=2) + "\n")
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
