"""The ledger of one shard: balances that only double entry can change.

Every amount is added to one account and taken from another of the same shard in one step, so the sum over all
accounts is 0 after every batch. Nothing is created, moved in part, or moved twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from services.settlement.domain.accounts import AccountCode, AccountId, code_of, person_of, waiting
from services.settlement.domain.balances import SPONSORED, Account, Count, FeedCursor, Freeze, Movement
from services.settlement.domain.checks import check_batch
from services.settlement.domain.pending import END_OF_PHASE, Pendings
from services.settlement.domain.transfers import (
    Batch,
    Position,
    Transfer,
    TransferCode,
    TransferId,
    TransferPhase,
    Verdict,
    WalletCredits,
)


@dataclass(slots=True)
class Ledger:
    """Accounts, totals, and what makes repetition harmless."""

    accounts: dict[AccountId, Account] = field(default_factory=dict)
    """By id, without wallets."""
    wallets: dict[int, int] = field(default_factory=dict)
    """Balances by person, fen."""
    account_totals: dict[tuple[AccountCode, str], Movement] = field(default_factory=dict)
    """By code and campaign."""
    transfer_totals: dict[tuple[TransferCode, str], Count] = field(default_factory=dict)
    """By code and campaign. The second half of a transfer between shards is not counted again."""
    digests: dict[TransferId, bytes] = field(default_factory=dict)
    """Of transfers that calls caused. Those that feeds caused are known by the feed's cursor."""
    cursors: dict[str, FeedCursor] = field(default_factory=dict)
    """By feed."""
    pendings: Pendings = field(default_factory=Pendings)
    """What is reserved."""
    frozen: dict[AccountId, Freeze] = field(default_factory=dict)
    """Accounts that nothing may leave, except what was reserved before."""
    debits_fen: int = 0
    """Sum of all debits, kept apart from that of all credits: the two are compared after every batch."""
    credits_fen: int = 0

    def check(self, batch: Batch) -> Verdict:
        """What `post` would answer. Changes nothing."""
        return check_batch(self, batch)

    def post(self, batch: Batch) -> Verdict:
        """Applies a batch whole, or not at all: everything but CREATED means that nothing has changed."""
        verdict = check_batch(self, batch)
        if verdict.created:
            posted_fen = sum(self._post_transfer(transfer) for transfer in batch.transfers)
            posted_fen += sum(self._post_columns(columns) for columns in batch.columns)
            if batch.position is None:
                self.digests.update((transfer.transfer_id, transfer.digest()) for transfer in batch.transfers)
            else:
                self._advance(batch.position, posted_fen)
            self._assert_balanced(batch)
        return verdict

    def account(self, account_id: str) -> Account | None:
        """The account, a wallet too; None when nothing ever moved through it."""
        person_id = person_of(account_id)
        if person_id is None:
            return self.accounts.get(AccountId(account_id))
        balance_fen = self.wallets.get(person_id)
        if balance_fen is None:
            return None
        return Account(AccountId(account_id), AccountCode.WALLET, credits_fen=balance_fen)

    def balance_fen(self, account_id: str) -> int:
        """Credits - debits, 0 for an account through which nothing ever moved."""
        account = self.account(account_id)
        return 0 if account is None else account.balance_fen

    def available_fen(self, account_id: str) -> int:
        """What the account may spend: its balance less what is reserved."""
        return self.balance_fen(account_id) - self.pendings.debits_fen(account_id)

    def close(self, account_id: str) -> None:
        """Ends an account: nothing moves through it any more. Idempotent; unknown ones need no end."""
        account = self.accounts.get(AccountId(account_id))
        if account is not None:
            account.closed = True

    def forget(self, account_id: AccountId, transfer_id: TransferId) -> None:
        """Drops an account that has ended, and the transfer that filled it, when nobody can ask for it again.

        Totals keep what moved through it.
        """
        account = self.accounts.pop(account_id, None)
        assert account is None or (account.closed and not account.balance_fen), (
            "only what is over is forgotten"
        )
        self.frozen.pop(account_id, None)
        self.digests.pop(transfer_id, None)

    def forget_transfer(self, transfer_id: str) -> None:
        """Drops what is known of a transfer that a call caused, when nobody can ask for it again.

        A pending one must have ended. Unknown ones need no end.
        """
        self.pendings.forget(transfer_id)
        self.digests.pop(TransferId(transfer_id), None)

    def applied(self, position: Position) -> bool:
        """Whether the batch with this position was applied before."""
        cursor = self.cursors.get(position.source)
        return cursor is not None and (
            position.seq <= cursor.seq or (position.seq == cursor.seq + 1 and position.step < cursor.steps)
        )

    def applied_in_part(self, position: Position) -> bool:
        """Whether some of the records that the batch follows from had their effect before."""
        cursor = self.cursors.get(position.source)
        return cursor is not None and 0 < position.first_seq <= cursor.seq

    def in_sequence(self, position: Position) -> bool:
        """Whether the position may be the next of its feed: a record that was begun is finished first."""
        cursor = self.cursors.get(position.source)
        if cursor is not None and cursor.steps and position.seq != cursor.seq + 1:
            return False
        return position.step == self.next_step(position.source, position.seq)

    def next_step(self, source: str, seq: int) -> int:
        """The step that a record's next batch has."""
        cursor = self.cursors.get(source)
        return cursor.steps if cursor is not None and seq == cursor.seq + 1 else 0

    def _post_transfer(self, transfer: Transfer) -> int:
        amount_fen, phase = transfer.amount_fen, transfer.phase
        if phase is TransferPhase.PENDING:
            self.pendings.begin(transfer)
            return 0
        if phase.ends_pending:
            posted_fen = amount_fen if phase.moves else 0
            self.pendings.finish(transfer.pending_id, END_OF_PHASE[phase], posted_fen)
            if not posted_fen:
                return 0
        self._debit(transfer.debit, amount_fen, transfer.campaign_id)
        self._credit(transfer, amount_fen)
        self._count(transfer.code, transfer.campaign_id, transfer.debit, 1, amount_fen)
        return amount_fen

    def _post_columns(self, columns: WalletCredits) -> int:
        amount_fen = sum(columns.amounts_fen)
        self._debit(columns.debit, amount_fen, columns.campaign_id)
        self.credits_fen += amount_fen
        if columns.waiting_hold_id:
            self._credit_waiting(columns)
        else:
            self._credit_wallets(columns)
        count = len(columns.person_ids)
        self._count(columns.code, columns.campaign_id, columns.debit, count, amount_fen)
        self._total(columns.credit_code, columns.campaign_id).credits_fen += amount_fen
        return amount_fen

    def _credit_wallets(self, columns: WalletCredits) -> None:
        # The one loop that runs for every packet of the evening: no call, no object, one lookup, one store.
        wallets = self.wallets
        balance = wallets.get
        for person_id, credit_fen in zip(columns.person_ids, columns.amounts_fen, strict=True):
            wallets[person_id] = balance(person_id, 0) + credit_fen

    def _credit_waiting(self, columns: WalletCredits) -> None:
        for person_id, credit_fen in zip(columns.person_ids, columns.amounts_fen, strict=True):
            self._open(waiting(person_id, columns.waiting_hold_id)).credits_fen += credit_fen

    def _debit(self, account_id: AccountId, amount_fen: int, campaign_id: str) -> None:
        person_id = person_of(account_id)
        if person_id is None:
            account = self._open(account_id)
            account.debits_fen += amount_fen
            code = account.code
        else:
            self.wallets[person_id] -= amount_fen
            code = AccountCode.WALLET
        self._total(code, campaign_id).debits_fen += amount_fen
        self.debits_fen += amount_fen

    def _credit(self, transfer: Transfer, amount_fen: int) -> None:
        person_id = person_of(transfer.credit)
        if person_id is None:
            account = self._open(transfer.credit)
            account.credits_fen += amount_fen
            if account.code in SPONSORED:
                account.sponsor_id = transfer.sponsor_id
            code = account.code
        else:
            self.wallets[person_id] = self.wallets.get(person_id, 0) + amount_fen
            code = AccountCode.WALLET
        self._total(code, transfer.campaign_id).credits_fen += amount_fen
        self.credits_fen += amount_fen

    def _open(self, account_id: AccountId) -> Account:
        account = self.accounts.get(account_id)
        if account is None:
            account = self.accounts[account_id] = Account(account_id, code_of(account_id))
        return account

    def _total(self, code: AccountCode, campaign_id: str) -> Movement:
        total = self.account_totals.get((code, campaign_id))
        if total is None:
            total = self.account_totals[code, campaign_id] = Movement()
        return total

    def _count(
        self, code: TransferCode, campaign_id: str, debit: AccountId, transfers: int, amount_fen: int
    ) -> None:
        if code_of(debit) is AccountCode.IN_TRANSIT:
            return
        count = self.transfer_totals.setdefault((code, campaign_id), Count())
        count.transfers += transfers
        count.amount_fen += amount_fen

    def _advance(self, position: Position, posted_fen: int) -> None:
        cursor = self.cursors.setdefault(position.source, FeedCursor())
        if position.step == 0 and (posted_fen or position.reported_fen):
            cursor.records += position.records
        cursor.reported_fen += position.reported_fen
        cursor.posted_fen += posted_fen
        if position.more:
            cursor.seq, cursor.steps = position.seq - 1, position.step + 1
        else:
            cursor.seq, cursor.steps = position.seq, 0

    def _assert_balanced(self, batch: Batch) -> None:
        assert self.debits_fen == self.credits_fen, (
            f"debits {self.debits_fen} and credits {self.credits_fen} differ after {batch.position}"
        )
