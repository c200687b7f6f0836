"""What the ledger asks of a batch before it applies any of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from services.settlement.domain.accounts import CLEARING_FEN_MAX, AccountId, code_of
from services.settlement.domain.balances import SPONSORED, Account, Freeze
from services.settlement.domain.pending import END_OF_PHASE, Pending, Pendings
from services.settlement.domain.transfers import (
    OWED,
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
    pendings: Pendings
    frozen: dict[AccountId, Freeze]

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
    check = BatchCheck(ledger, asked_for=batch.position is None and not _is_owed(batch))
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


def _is_owed(batch: Batch) -> bool:
    """Whether nobody asks for the batch: it moves what is in the house already to whom it belongs."""
    return bool(batch.transfers) and all(transfer.code in OWED for transfer in batch.transfers)


class BatchCheck:
    """Follows the balances through a batch without touching them."""

    def __init__(self, ledger: LedgerView, *, asked_for: bool) -> None:
        """`asked_for` tells that a call wants the batch, and can be told no; feeds say what has happened."""
        self._ledger = ledger
        self._asked_for = asked_for
        self._changes = Changes()

    @property
    def changes(self) -> Changes:
        """What the items that were found good so far come to. Replacing it takes items back."""
        return self._changes

    @changes.setter
    def changes(self, changes: Changes) -> None:
        self._changes = changes

    def transfer(self, transfer: Transfer) -> Verdict | None:
        """None when the transfer can be applied after those before it; else nothing has changed."""
        if transfer.amount_fen <= 0:
            return Verdict(TransferStatus.AMOUNT_NOT_POSITIVE, transfer.transfer_id)
        if transfer.debit == transfer.credit:
            return Verdict(TransferStatus.ACCOUNTS_SAME, transfer.transfer_id, transfer.debit)
        if transfer.phase.ends_pending:
            return self._end(transfer)
        return self._begin(transfer)

    def columns(self, columns: WalletCredits) -> Verdict | None:
        """As `transfer`. Wallets need no limit: together they hold no more than sponsors may pay in."""
        amounts_fen = columns.amounts_fen
        if not amounts_fen or len(amounts_fen) != len(columns.person_ids):
            return Verdict(TransferStatus.COLUMNS_UNEQUAL, columns.transfer_id)
        if min(amounts_fen) <= 0:
            return Verdict(TransferStatus.AMOUNT_NOT_POSITIVE, columns.transfer_id)
        amount_fen, account_id = sum(amounts_fen), columns.debit
        status = self.debit_refused(account_id) or self._uncovered(account_id, amount_fen)
        if status is not None:
            return Verdict(status, columns.transfer_id, account_id, self.available_fen(account_id))
        self._changes.move(account_id, -amount_fen)
        return None

    def pending(self, pending_id: TransferId) -> Pending | None:
        """The pending transfer, as the items so far leave it."""
        changed = self._changes.pendings.get(pending_id)
        return self._ledger.pendings.find(pending_id) if changed is None else changed

    def available_fen(self, account_id: AccountId) -> int:
        """What an account has after the items so far, less what is reserved, fen."""
        reserved_fen = self._ledger.pendings.debits_fen(account_id)
        return self._balance_fen(account_id) - reserved_fen - self._changes.reserved_fen.get(account_id, 0)

    def _begin(self, transfer: Transfer) -> Verdict | None:
        debit, credit, amount_fen = transfer.debit, transfer.credit, transfer.amount_fen
        if (status := self.debit_refused(debit)) is not None:
            return Verdict(status, transfer.transfer_id, debit, self.available_fen(debit))
        if (status := self._credit_refused(transfer)) is not None:
            return Verdict(status, transfer.transfer_id, credit, self.available_fen(credit))
        if (status := self._uncovered(debit, amount_fen)) is not None:
            return Verdict(status, transfer.transfer_id, debit, self.available_fen(debit))
        if self._past_limit(credit, amount_fen):
            status = TransferStatus.BALANCE_PAST_LIMIT
            return Verdict(status, transfer.transfer_id, credit, self.available_fen(credit))
        self._changes.take(transfer)
        return None

    def _end(self, transfer: Transfer) -> Verdict | None:
        """What is reserved can always be posted or released: closed, frozen or full is no hindrance."""
        pending = self.pending(transfer.pending_id)
        if pending is None:
            return Verdict(TransferStatus.PENDING_UNKNOWN, transfer.transfer_id)
        reserved, status = pending.transfer, None
        if _about(reserved) != _about(transfer):
            status = TransferStatus.PENDING_DIFFERS
        elif not pending.open:
            status = TransferStatus.PENDING_ENDED
        elif transfer.amount_fen > reserved.amount_fen or (
            not transfer.phase.moves and transfer.amount_fen != reserved.amount_fen
        ):
            status = TransferStatus.PENDING_AMOUNT_EXCEEDED
        if status is not None:
            return Verdict(status, transfer.transfer_id, reserved.debit, reserved.amount_fen)
        self._changes.finish(pending, transfer)
        return None

    def debit_refused(self, account_id: AccountId) -> TransferStatus | None:
        """Why nothing may leave the account, whatever it holds; None when something may."""
        account = self._ledger.account(account_id)
        if account is None:
            known = account_id in self._changes.balances_fen or code_of(account_id).may_go_negative
            return None if known else TransferStatus.DEBIT_ACCOUNT_UNKNOWN
        if account.closed:
            return TransferStatus.DEBIT_ACCOUNT_CLOSED
        return TransferStatus.DEBIT_ACCOUNT_FROZEN if account_id in self._ledger.frozen else None

    def _credit_refused(self, transfer: Transfer) -> TransferStatus | None:
        account = self._ledger.account(transfer.credit)
        if account is None:
            return None
        if account.closed:
            return TransferStatus.CREDIT_ACCOUNT_CLOSED
        differs = account.code in SPONSORED and account.sponsor_id != transfer.sponsor_id
        return TransferStatus.SPONSOR_DIFFERS if differs else None

    def _uncovered(self, account_id: AccountId, amount_fen: int) -> TransferStatus | None:
        code, available_fen = code_of(account_id), self.available_fen(account_id)
        if available_fen < amount_fen and not code.may_go_negative:
            return TransferStatus.DEBIT_WOULD_GO_NEGATIVE
        past_limit = available_fen - amount_fen < -code.balance_fen_max
        return TransferStatus.BALANCE_PAST_LIMIT if past_limit else None

    def _past_limit(self, account_id: AccountId, amount_fen: int) -> bool:
        # Money that is in the house already must be able to go where it belongs: a sponsor who has paid in up
        # to the limit meanwhile still gets back what was held, and no feed stands still for it.
        limit_fen = code_of(account_id).balance_fen_max if self._asked_for else CLEARING_FEN_MAX
        coming_fen = self._ledger.pendings.credits_fen(account_id) + self._changes.coming_fen.get(
            account_id, 0
        )
        return self._balance_fen(account_id) + coming_fen + amount_fen > limit_fen

    def _balance_fen(self, account_id: AccountId) -> int:
        account = self._ledger.account(account_id)
        balance_fen = 0 if account is None else account.balance_fen
        return balance_fen + self._changes.balances_fen.get(account_id, 0)


@dataclass(slots=True)
class Changes:
    """What the items of a batch come to, beside the ledger."""

    balances_fen: dict[AccountId, int] = field(default_factory=dict)
    reserved_fen: dict[AccountId, int] = field(default_factory=dict)
    """Of what may be spent."""
    coming_fen: dict[AccountId, int] = field(default_factory=dict)
    """Of what may still be received."""
    pendings: dict[TransferId, Pending] = field(default_factory=dict)
    """Those that the batch makes or ends, as it leaves them."""

    def copy(self) -> Changes:
        """The same changes, to come back to."""
        return Changes(
            dict(self.balances_fen), dict(self.reserved_fen), dict(self.coming_fen), dict(self.pendings)
        )

    def take(self, transfer: Transfer) -> None:
        """A transfer that moves money, or reserves it."""
        if transfer.phase.moves:
            self.move(transfer.debit, -transfer.amount_fen)
            self.move(transfer.credit, transfer.amount_fen)
        else:
            self.pendings[transfer.transfer_id] = Pending(transfer)
            self._reserve(transfer, transfer.amount_fen)

    def finish(self, pending: Pending, transfer: Transfer) -> None:
        """A transfer that ends a pending one."""
        posted_fen = transfer.amount_fen if transfer.phase.moves else 0
        self.pendings[transfer.pending_id] = Pending(
            pending.transfer, END_OF_PHASE[transfer.phase], posted_fen
        )
        self._reserve(pending.transfer, -pending.transfer.amount_fen)
        if posted_fen:
            self.move(transfer.debit, -posted_fen)
            self.move(transfer.credit, posted_fen)

    def move(self, account_id: AccountId, amount_fen: int) -> None:
        """Adds to an account's balance."""
        self.balances_fen[account_id] = self.balances_fen.get(account_id, 0) + amount_fen

    def _reserve(self, transfer: Transfer, amount_fen: int) -> None:
        self.reserved_fen[transfer.debit] = self.reserved_fen.get(transfer.debit, 0) + amount_fen
        self.coming_fen[transfer.credit] = self.coming_fen.get(transfer.credit, 0) + amount_fen


def _about(transfer: Transfer) -> tuple[object, ...]:
    """What a pending transfer and the one that ends it have in common."""
    return transfer.debit, transfer.credit, transfer.code, transfer.campaign_id, transfer.sponsor_id
