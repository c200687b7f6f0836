"""What acts came to, as the report has it."""

from __future__ import annotations

from services.cli.gala.acts.late import Latecomers
from services.cli.gala.acts.money import Spent
from services.cli.gala.acts.settle import LedgerMoney, Settled
from services.cli.gala.acts.sharing import Shared
from services.cli.gala.report import MoneyFigures, SharingFigures


def sharing_figures(shared: Shared, ledger: Settled) -> SharingFigures:
    """What people were told about packets that they sent each other, and what settlement has."""
    return SharingFigures(
        sent_on=shared.sent_on,
        group_packets=shared.group_packets,
        asks_answered=shared.answers,
        asks_declined=shared.declined,
        sent_fen=shared.sent_fen,
        held_fen=ledger.envelopes.held_fen,
        shares=shared.shares,
        shares_fen=shared.shares_fen,
        paid_fen=ledger.envelopes.paid_fen,
        left_fen=ledger.envelopes.left_fen,
        splits_verified=shared.splits_verified,
        splits_hold=shared.splits_hold,
    )


def money_figures(late: Latecomers, spent: Spent, before: LedgerMoney, after: LedgerMoney) -> MoneyFigures:
    """What people were told about their money, and what settlement did with it since `before`."""
    return MoneyFigures(
        late_guests=late.guests,
        late_told_fen=late.waited_fen,
        second_accounts=late.second_accounts,
        waited_fen=after.waited_fen,
        arrived_fen=after.arrived_fen,
        expired_fen=after.expired_fen,
        twice_told_fen=late.twice_fen,
        twice_fen=after.twice_fen,
        withdrawals=spent.withdrawn,
        withdrawals_fen=spent.withdrawn_fen,
        withdrawn_fen=after.withdrawn_fen - before.withdrawn_fen,
        refused=spent.refused,
        refused_fen=spent.refused_fen,
        unexplained=spent.unexplained,
        decided_fen=spent.compensated_fen,
        compensated_fen=after.compensated_fen - before.compensated_fen,
        statements=spent.statements,
        entries=spent.entries,
        entries_fen=spent.entries_fen,
        closing_fen=spent.closing_fen,
    )
