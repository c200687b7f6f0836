"""One shard's contribution to the proof of the books."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from services.settlement.domain.accounts import AccountCode, code_of, transit_shards, wallet
from services.settlement.domain.balances import Account, FeedCursor
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.transfers import TransferCode
from services.settlement.domain.withdrawals.totals import WithdrawalTotal

VIOLATIONS_MAX = 100
"""The most violations that are listed: one is too many, and a thousand tell no more than a hundred."""


@dataclass(frozen=True, slots=True)
class CodeTotal:
    """What moved through all accounts of one code for one campaign, fen."""

    code: AccountCode
    campaign_id: str
    debits_fen: int
    credits_fen: int

    @property
    def net_fen(self) -> int:
        """Credits - debits, fen."""
        return self.credits_fen - self.debits_fen


@dataclass(frozen=True, slots=True)
class KindTotal:
    """Number and sum of the transfers of one code for one campaign."""

    code: TransferCode
    campaign_id: str
    transfers: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class CodeBalance:
    """The accounts of one code, summed anew; credits - debits, fen."""

    code: AccountCode
    accounts: int
    balance_fen: int


@dataclass(frozen=True, slots=True)
class Transit:
    """One direction between two shards, as one of them has it, fen."""

    from_shard: int
    to_shard: int
    sent_fen: int
    received_fen: int


@dataclass(frozen=True, slots=True)
class FeedHalt:
    """Why a feed does not go on."""

    seq: int
    """The record that it halts at."""
    since_ms: int
    """Wall time since when, milliseconds since the Unix epoch."""
    detail: str
    """Why, in words."""
    stopped: bool
    """True at a record that contradicts the books; False while money, or news of people, is awaited."""


@dataclass(frozen=True, slots=True)
class FeedLine:
    """One feed, as the shard that reads it has it."""

    source: str
    cursor_seq: int
    records: int
    reported_fen: int
    posted_fen: int
    steps: int = 0
    """Above 0 in the middle of a record, when less may be posted than was reported."""
    halt: FeedHalt | None = None
    """Why it does not go on; None while it does."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An account whose balance may not be what it is."""

    account_id: str
    balance_fen: int
    """On its normal side."""
    detail: str


@dataclass(frozen=True, slots=True)
class PendingTotal:
    """What pending transfers come to, fen."""

    open_count: int = 0
    """How many stand."""
    open_fen: int = 0
    """Their sum."""
    debits_fen: int = 0
    """What is reserved of debited accounts, summed anew."""
    credits_fen: int = 0
    """What is reserved for credited accounts, summed anew."""
    overdue_fen: int = 0
    """Those that stand though their time, and some grace, is over."""


@dataclass(frozen=True, slots=True)
class WaitingTotal:
    """What the register of winnings that wait comes to."""

    items: int = 0
    amount_fen: int = 0
    oldest_ms: int = 0
    """Since when the longest has been waiting, milliseconds since the Unix epoch; 0 when there is none."""


@dataclass(frozen=True, slots=True)
class DisputeTotal:
    """What disputes come to."""

    undecided: int = 0
    """How many wait for an operator."""
    unpaid: int = 0
    """How many are approved and wait for the compensation fund."""
    unpaid_fen: int = 0
    paid_fen: int = 0
    """Paid so far, as the disputes say."""


@dataclass(frozen=True, slots=True)
class ShardBooks:
    """What one shard contributes."""

    shard: int
    seq: int
    totals: tuple[CodeTotal, ...] = ()
    kinds: tuple[KindTotal, ...] = ()
    balances: tuple[CodeBalance, ...] = ()
    transits: tuple[Transit, ...] = ()
    feeds: tuple[FeedLine, ...] = ()
    violations: tuple[Violation, ...] = ()
    pending: PendingTotal = PendingTotal()
    frozen_accounts: int = 0
    digest: bytes = b""
    """The digest of that event in the journal's hash chain; empty where nobody knows it."""
    waiting: WaitingTotal | None = None
    """None where nobody has asked the register."""
    disputes: DisputeTotal | None = None
    """None where nobody has asked the disputes."""
    withdrawals: WithdrawalTotal | None = None
    """None where nobody has asked the bank's desk."""


def shard_books(
    shard: int,
    seq: int,
    ledger: Ledger,
    sources: Iterable[str],
    halts: Mapping[str, FeedHalt],
    overdue_ms: int = 0,
) -> ShardBooks:
    """A shard's books as of one event of its journal, with every balance summed anew.

    Args:
        shard: the shard.
        seq: the event.
        ledger: the shard's ledger.
        sources: every feed that the shard reads.
        halts: the feeds that do not go on, by source.
        overdue_ms: pending transfers whose time was over by then should not stand any more, milliseconds
            since the Unix epoch.
    """
    return ShardBooks(
        shard=shard,
        seq=seq,
        totals=tuple(
            CodeTotal(code, campaign_id, total.debits_fen, total.credits_fen)
            for (code, campaign_id), total in sorted(ledger.account_totals.items())
        ),
        kinds=tuple(
            KindTotal(code, campaign_id, count.transfers, count.amount_fen)
            for (code, campaign_id), count in sorted(ledger.transfer_totals.items())
        ),
        balances=tuple(_balances(ledger)),
        transits=tuple(_transits(ledger)),
        feeds=tuple(
            _feed_line(source, ledger.cursors.get(source, FeedCursor()), halts.get(source))
            for source in sorted({*sources, *ledger.cursors})
        ),
        violations=tuple(_violations(ledger)),
        pending=_pending_total(ledger, overdue_ms),
        frozen_accounts=len(ledger.frozen),
    )


def _balances(ledger: Ledger) -> Iterator[CodeBalance]:
    counts: dict[AccountCode, int] = defaultdict(int)
    balances: dict[AccountCode, int] = defaultdict(int)
    for account in ledger.accounts.values():
        counts[account.code] += 1
        balances[account.code] += account.balance_fen
    if ledger.wallets:
        counts[AccountCode.WALLET] = len(ledger.wallets)
        balances[AccountCode.WALLET] = sum(ledger.wallets.values())
    for code in sorted(counts):
        yield CodeBalance(code, counts[code], balances[code])


def _pending_total(ledger: Ledger, overdue_ms: int) -> PendingTotal:
    pendings = ledger.pendings
    reserved = [movement for _, movement in pendings.reserved()]
    return PendingTotal(
        pendings.open_count,
        pendings.open_fen,
        sum(movement.debits_fen for movement in reserved),
        sum(movement.credits_fen for movement in reserved),
        sum(pending.transfer.amount_fen for pending in pendings.expired(overdue_ms, pendings.open_count)),
    )


def _transits(ledger: Ledger) -> Iterator[Transit]:
    for account in ledger.accounts.values():
        if account.code is AccountCode.IN_TRANSIT:
            from_shard, to_shard = transit_shards(account.account_id)
            # The sender only ever credits the account, the receiver only ever debits it.
            yield Transit(from_shard, to_shard, account.credits_fen, account.debits_fen)


def _feed_line(source: str, cursor: FeedCursor, halt: FeedHalt | None) -> FeedLine:
    return FeedLine(
        source,
        cursor.seq,
        cursor.records,
        cursor.reported_fen,
        cursor.posted_fen,
        steps=cursor.steps,
        halt=halt,
    )


def _violations(ledger: Ledger) -> list[Violation]:
    found = [violation for account in ledger.accounts.values() if (violation := _violation(account))]
    if ledger.wallets and min(ledger.wallets.values()) < 0:
        found += [
            Violation(wallet(person_id), balance_fen, "below 0")
            for person_id, balance_fen in ledger.wallets.items()
            if balance_fen < 0
        ]
    found += [
        Violation(account_id, ledger.balance_fen(account_id), "more is reserved than it holds")
        for account_id, reserved in ledger.pendings.reserved()
        if reserved.debits_fen > ledger.balance_fen(account_id) and not code_of(account_id).may_go_negative
    ]
    return found[:VIOLATIONS_MAX]


def _violation(account: Account) -> Violation | None:
    balance_fen = account.balance_fen
    if balance_fen < 0 and not account.code.may_go_negative:
        return Violation(account.account_id, balance_fen, "below 0")
    if balance_fen and account.closed:
        return Violation(account.account_id, balance_fen, "closed, but not empty")
    return None
