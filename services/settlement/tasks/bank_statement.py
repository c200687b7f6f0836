"""Puts a shard's withdrawals beside what the bank says it has paid."""

from __future__ import annotations

from dataclasses import dataclass

from services.mesh.errors import ServiceError
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard
from services.settlement.domain import accounts
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfers import TransferCode
from services.settlement.domain.withdrawals.rail import Rail
from services.settlement.domain.withdrawals.totals import CONTRADICTED_MAX, WithdrawalTotal
from services.settlement.domain.withdrawals.values import WithdrawalState

_log = get_logger("settlement.withdrawals")
_ATTEMPTS_MAX = 3
_BY_THE_BANK = {
    TransferCode.WITHDRAWAL: 1,
    TransferCode.WITHDRAWAL_LOSS: 1,
    TransferCode.WITHDRAWAL_RETURN: -1,
    TransferCode.WITHDRAWAL_LOSS_RETURN: -1,
}


@dataclass(frozen=True, slots=True)
class BankStatement:
    """Asks the bank."""

    rail: Rail

    async def paid_fen(self, shard: Shard[SettlementState]) -> int | None:
        """What the bank has paid, fen; None when it was not reached, or too much ended while it was asked.

        While it is asked, nothing is posted: so it names no less than what was posted, and no more than that
        and what is open.
        """
        for _ in range(_ATTEMPTS_MAX):
            before_fen = withdrawn_fen(shard.state.ledger)
            try:
                paid_fen = await self.rail.paid_fen(accounts.bank_clearing(shard.number))
            except ServiceError as error:
                _log.warning("bank_statement_missing", shard=shard.number, error=str(error))
                return None
            if withdrawn_fen(shard.state.ledger) == before_fen:
                return paid_fen
        return None


def withdrawal_total(state: SettlementState, paid_fen: int | None) -> WithdrawalTotal:
    """What a shard's withdrawals come to now."""
    open_ = state.withdrawals.open()
    return WithdrawalTotal(
        open=len(open_),
        open_fen=sum(withdrawal.order.amount_fen for withdrawal in open_),
        unknown=sum(withdrawal.state is WithdrawalState.UNKNOWN for withdrawal in open_),
        oldest_ms=min((withdrawal.requested_ms for withdrawal in open_), default=0),
        contradicted_ids=tuple(state.withdrawals.contradicted()[:CONTRADICTED_MAX]),
        withdrawn_fen=withdrawn_fen(state.ledger),
        paid_fen=paid_fen,
    )


def withdrawn_fen(ledger: Ledger) -> int:
    """What has left by way of the bank, fen: with what was resolved, whoever bears it."""
    return sum(sign * _posted_fen(ledger, code) for code, sign in _BY_THE_BANK.items())


def _posted_fen(ledger: Ledger, code: TransferCode) -> int:
    count = ledger.transfer_totals.get((code, ""))
    return 0 if count is None else count.amount_fen
