"""What the ledger asks of a batch before it applies any of it."""

from __future__ import annotations

from typing import Protocol

from services.settlement.domain.accounts import CLEARING_FEN_MAX, AccountCode, AccountId, code_of
from services.settlement.domain.balances import SPONSORED, Account
from services.settlement.domain.transfers import (
    Batch,
    Position,
    Transfer,
    TransferId,
    TransferStatus,
    Verdict,
    WalletCredits,
)


class LedgerView(Protocol):
    """The ledger as the checks see it."""

    digests: dict[TransferId, bytes]

    def account(self, account_id: str) -> Account | None:
        """The account, None when nothing ever moved through it."""
        ...

    def applied(self, position: Position) -> bool:
        """Whether the batch with this position was applied before."""
        ...

    def applied_in_part(self, position: Position) -> bool:
        """Whether some of the records that the batch follows from had their effect before."""
        ...

    def in_sequence(self, position: Position) -> bool:
        """Whether the position may be the next of its feed."""
        ...


def check_batch(ledger: LedgerView, batch: Batch) -> Verdict:
    """CREATED when all of a batch can be applied, else the first reason against it, item by item."""
    assert batch.position is not None or not batch.columns, "columns are known by their position in a feed"
    repeated = _check_repetition(ledger, batch)
    if repeated is not None:
        return repeated
    check = _BatchCheck(ledger, asked_for=batch.position is None)
    for transfer in batch.transfers:
        verdict = check.transfer(transfer)
        if verdict is not None:
            return verdict
    for columns in batch.columns:
        verdict = check.columns(columns)
        if verdict is not None:
            return verdict
    return Verdict(TransferStatus.CREATED)


def _check_repetition(ledger: LedgerView, batch: Batch) -> Verdict | None:
    """None for a batch that is new."""
    position = batch.position
    if position is not None:
        if ledger.applied(position):
            return Verdict(TransferStatus.EXISTS)
        if ledger.applied_in_part(position):
            return Verdict(TransferStatus.EXISTS_IN_PART)
        return None if ledger.in_sequence(position) else Verdict(TransferStatus.POSITION_SKIPPED)
    digests = {transfer.transfer_id: transfer.digest() for transfer in batch.transfers}
    known = 0
    for transfer_id, digest in digests.items():
        kept = ledger.digests.get(transfer_id)
        if kept is not None and kept != digest:
            return Verdict(TransferStatus.EXISTS_WITH_OTHER_CONTENT, transfer_id)
        known += kept is not None
    if known == 0 and len(digests) == len(batch.transfers):
        return None
    whole = known == len(batch.transfers)
    return Verdict(TransferStatus.EXISTS if whole else TransferStatus.EXISTS_IN_PART)


class _BatchCheck:
    """Follows the balances through a batch without touching them."""

    def __init__(self, ledger: LedgerView, *, asked_for: bool) -> None:
        """`asked_for` tells that a call wants the batch, and can be told no; feeds say what has happened."""
        self._ledger = ledger
        self._asked_for = asked_for
        self._changes_fen: dict[AccountId, int] = {}

    def transfer(self, transfer: Transfer) -> Verdict | None:
        """None when the transfer can be applied after those before it."""
        if transfer.amount_fen <= 0:
            return Verdict(TransferStatus.AMOUNT_NOT_POSITIVE, transfer.transfer_id)
        if transfer.debit == transfer.credit:
            return Verdict(TransferStatus.ACCOUNTS_SAME, transfer.transfer_id, transfer.debit)
        refused = self._debit(transfer.transfer_id, transfer.debit, transfer.amount_fen)
        return refused or self._credit(transfer)

    def columns(self, columns: WalletCredits) -> Verdict | None:
        """As `transfer`. Wallets need no limit: together they hold no more than sponsors may pay in."""
        amounts_fen = columns.amounts_fen
        if not amounts_fen or len(amounts_fen) != len(columns.person_ids):
            return Verdict(TransferStatus.COLUMNS_UNEQUAL, columns.transfer_id)
        if min(amounts_fen) <= 0:
            return Verdict(TransferStatus.AMOUNT_NOT_POSITIVE, columns.transfer_id)
        return self._debit(columns.transfer_id, columns.debit, sum(amounts_fen))

    def _debit(self, transfer_id: TransferId, account_id: AccountId, amount_fen: int) -> Verdict | None:
        code = code_of(account_id)
        account = self._ledger.account(account_id)
        if account is None and account_id not in self._changes_fen and not code.may_go_negative:
            return Verdict(TransferStatus.DEBIT_ACCOUNT_UNKNOWN, transfer_id, account_id)
        balance_fen = self._balance_fen(account_id, account)
        status = None
        if account is not None and account.closed:
            status = TransferStatus.DEBIT_ACCOUNT_CLOSED
        elif balance_fen < amount_fen and not code.may_go_negative:
            status = TransferStatus.DEBIT_WOULD_GO_NEGATIVE
        elif balance_fen - amount_fen < -code.balance_fen_max:
            status = TransferStatus.BALANCE_PAST_LIMIT
        if status is not None:
            return Verdict(status, transfer_id, account_id, balance_fen)
        self._change(account_id, -amount_fen)
        return None

    def _credit(self, transfer: Transfer) -> Verdict | None:
        account_id = transfer.credit
        code = code_of(account_id)
        account = self._ledger.account(account_id)
        balance_fen = self._balance_fen(account_id, account)
        status = None
        if account is not None and account.closed:
            status = TransferStatus.CREDIT_ACCOUNT_CLOSED
        elif account is not None and code in SPONSORED and account.sponsor_id != transfer.sponsor_id:
            status = TransferStatus.SPONSOR_DIFFERS
        elif balance_fen + transfer.amount_fen > self._credit_limit_fen(code):
            status = TransferStatus.BALANCE_PAST_LIMIT
        if status is not None:
            return Verdict(status, transfer.transfer_id, account_id, balance_fen)
        self._change(account_id, transfer.amount_fen)
        return None

    def _credit_limit_fen(self, code: AccountCode) -> int:
        # Money that is in the house already must be able to go where it belongs: a sponsor who has paid in up
        # to the limit meanwhile still gets back what was held, and no feed stands still for it.
        return code.balance_fen_max if self._asked_for else CLEARING_FEN_MAX

    def _balance_fen(self, account_id: AccountId, account: Account | None) -> int:
        return (0 if account is None else account.balance_fen) + self._changes_fen.get(account_id, 0)

    def _change(self, account_id: AccountId, amount_fen: int) -> None:
        self._changes_fen[account_id] = self._changes_fen.get(account_id, 0) + amount_fen
