"""Between which accounts which transfers can be asked for.

What is not in the table is moved by feeds, holds or services for their own purposes: escrows, pools and their
shares, envelopes, winnings that wait, money in transit.
"""

from __future__ import annotations

import re

from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountCode, code_of
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfer_items import ItemStatus, Refusal, TransferItem
from services.settlement.domain.transfers import TransferCode, TransferPhase

_ID_MAX = (1 << 63) - 1
_CAMPAIGN = "[a-z0-9][a-z0-9-]{1,38}[a-z0-9]"
_ID = "[1-9][0-9]{0,18}"
_SHARD = "(0|[1-9][0-9]{0,3})"
_POSSIBLE = re.compile(
    f"(sponsor|wallet):{_ID}|budget:{_CAMPAIGN}:{_ID}|(bank_clearing|compensation):{_SHARD}|remainder:{_CAMPAIGN}"
)
_PUT_RIGHT = frozenset(
    {AccountCode.SPONSOR, AccountCode.WALLET, AccountCode.COMPENSATION, AccountCode.REMAINDER}
)
_ALLOWED: dict[TransferCode, tuple[frozenset[AccountCode], frozenset[AccountCode]]] = {
    TransferCode.SPONSOR_BUDGET: (
        frozenset({AccountCode.SPONSOR}),
        frozenset({AccountCode.CAMPAIGN_BUDGET}),
    ),
    TransferCode.BUDGET_RETURN: (frozenset({AccountCode.CAMPAIGN_BUDGET}), frozenset({AccountCode.SPONSOR})),
    TransferCode.FUND_COMPENSATION: (
        frozenset(
            {
                AccountCode.BANK_CLEARING,
                AccountCode.SPONSOR,
                AccountCode.CAMPAIGN_BUDGET,
                AccountCode.REMAINDER,
            }
        ),
        frozenset({AccountCode.COMPENSATION}),
    ),
    TransferCode.COMPENSATION_RETURN: (
        frozenset({AccountCode.COMPENSATION}),
        frozenset({AccountCode.SPONSOR, AccountCode.COMPENSATION}),
    ),
    TransferCode.SPONSOR_PAYOUT: (frozenset({AccountCode.SPONSOR}), frozenset({AccountCode.BANK_CLEARING})),
    TransferCode.ADJUSTMENT: (_PUT_RIGHT, _PUT_RIGHT),
}
"""Which accounts may be debited, and which credited."""


def check_accounts(state: SettlementState, item: TransferItem) -> None:
    """Raises `Refusal` when the item is not between accounts that it may be between."""
    for account_id in (item.debit, item.credit):
        if not _is_possible(account_id):
            raise Refusal(ItemStatus.ACCOUNT_IMPOSSIBLE, account_id)
    if item.debit == item.credit:
        raise Refusal(ItemStatus.ACCOUNTS_SAME, item.debit)
    if not _is_allowed(item):
        raise Refusal(ItemStatus.CODE_NOT_ALLOWED)
    _check_owners(item)
    shard_count = state.shard_count
    if accounts.shard_of_account(item.debit, shard_count) != state.shard:
        raise Refusal(ItemStatus.DEBIT_ACCOUNT_MISPLACED, item.debit)
    credit_shard = accounts.shard_of_account(item.credit, shard_count)
    is_elsewhere = credit_shard != state.shard
    if credit_shard >= shard_count or (is_elsewhere and item.phase is TransferPhase.PENDING):
        raise Refusal(ItemStatus.CREDIT_ACCOUNT_MISPLACED, item.credit)


def sponsor_of_budgets(item: TransferItem) -> int:
    """Whose budget the item fills or empties; 0 when none."""
    for account_id in (item.debit, item.credit):
        if code_of(account_id) is AccountCode.CAMPAIGN_BUDGET:
            return _sponsor_of(account_id)
    return 0


def _check_owners(item: TransferItem) -> None:
    for account_id in (item.debit, item.credit):
        if _campaign_of(account_id) not in {"", item.campaign_id}:
            raise Refusal(ItemStatus.CAMPAIGN_DIFFERS, account_id)
    budget_sponsor_id = sponsor_of_budgets(item)
    for account_id in (item.debit, item.credit):
        if budget_sponsor_id and _sponsor_of(account_id) not in {0, budget_sponsor_id}:
            raise Refusal(ItemStatus.SPONSOR_DIFFERS, account_id)


def _is_possible(account_id: str) -> bool:
    """Whether an account can have this id: one that can be asked for, or one that only feeds move."""
    try:
        code = code_of(account_id)
    except ValueError:
        return False
    if code not in _ASKED_FOR:
        return True  # It exists or not: no code is for it.
    if _POSSIBLE.fullmatch(account_id) is None:
        return False
    return code is AccountCode.REMAINDER or int(account_id.rpartition(":")[2]) <= _ID_MAX


def _is_allowed(item: TransferItem) -> bool:
    allowed = None if item.code is None else _ALLOWED.get(item.code)
    return allowed is not None and code_of(item.debit) in allowed[0] and code_of(item.credit) in allowed[1]


def _campaign_of(account_id: str) -> str:
    """The campaign that an account belongs to; empty when to none."""
    if code_of(account_id) in {AccountCode.CAMPAIGN_BUDGET, AccountCode.REMAINDER}:
        return account_id.split(":")[1]
    return ""


def _sponsor_of(account_id: str) -> int:
    """The sponsor whose money an account holds; 0 when it is nobody's in particular."""
    if code_of(account_id) in {AccountCode.CAMPAIGN_BUDGET, AccountCode.SPONSOR}:
        return int(account_id.rpartition(":")[2])
    return 0


_ASKED_FOR = frozenset(code for pair in _ALLOWED.values() for codes in pair for code in codes)
