"""The proof of the books: that every fen is in exactly one account, and that each account may be as it is.

The totals come from the ledger as it posted, the balances from the accounts as they are now, and what feeds
reported from their records as they were read. Each line of the proof says that two of these agree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.settlement.domain.accounts import AccountCode, bank_clearing
from services.settlement.domain.campaign_books import (
    CampaignBooks,
    books_of_campaign,
    net_totals,
    posted_fen,
)
from services.settlement.domain.shard_books import (
    CodeTotal,
    FeedLine,
    PendingTotal,
    ShardBooks,
    Violation,
)
from services.settlement.domain.transfers import TransferCode

_PAID_FOR_DISPUTES = (TransferCode.COMPENSATION, TransferCode.REVERSAL)


@dataclass(frozen=True, slots=True)
class Line:
    """Two sums that must be the same."""

    subject: str
    """What the line is about: "all shards", "shard 2", "campaign spring-2016", "feed allocation/3"."""
    statement: str
    """What it says, as "debits = credits"."""
    left_fen: int
    right_fen: int

    @property
    def difference_fen(self) -> int:
        """0 in sound books."""
        return self.left_fen - self.right_fen


@dataclass(frozen=True, slots=True)
class Books:
    """The whole proof."""

    lines: tuple[Line, ...]
    campaigns: tuple[CampaignBooks, ...]
    in_transit_fen: int
    """Money between shards, fen; not a fault, but it must arrive."""
    stopped: tuple[FeedLine, ...]
    """Feeds that contradict the books."""
    waiting: tuple[FeedLine, ...]
    """Feeds that wait for money."""
    violations: tuple[Violation, ...]
    missing_shards: tuple[int, ...] = field(default=())
    """Shards without which the proof is not whole."""

    @property
    def difference_fen(self) -> int:
        """Sum of all lines' differences, each counted as positive, fen."""
        return sum(abs(line.difference_fen) for line in self.lines)

    @property
    def sound(self) -> bool:
        """Whether the books prove themselves."""
        return not (self.difference_fen or self.stopped or self.violations or self.missing_shards)


def prove(shards: Sequence[ShardBooks], shard_count: int) -> Books:
    """Puts all shards' books side by side and draws the lines.

    Books of different shards may be of slightly different moments. Only the lines about money between shards
    notice; they are right again when the shards are asked once nothing moves.
    """
    totals = [total for books in shards for total in books.totals]
    nets = net_totals(totals)
    feeds = [feed for books in shards for feed in books.feeds]
    campaign_ids = sorted({total.campaign_id for total in totals if total.campaign_id})
    campaigns = tuple(books_of_campaign(campaign_id, shards) for campaign_id in campaign_ids)
    lines = [
        *_overall(shards, totals),
        *(line for books in shards for line in _of_shard(books)),
        *(_of_campaign(campaign) for campaign in campaigns),
        *(line for books in shards if books.pending != PendingTotal() for line in _of_pendings(books)),
        *(_of_waiting(books) for books in shards if books.waiting is not None),
        *(line for books in shards if books.disputes is not None for line in _of_disputes(books)),
        *(line for books in shards for line in _of_withdrawals(books)),
        *_of_transits(shards),
        *(line for books in shards for line in _of_feeds(books)),
    ]
    return Books(
        lines=tuple(lines),
        campaigns=campaigns,
        in_transit_fen=sum(amount for (code, _), amount in nets.items() if code is AccountCode.IN_TRANSIT),
        stopped=tuple(feed for feed in feeds if feed.halt and feed.halt.stopped),
        waiting=tuple(feed for feed in feeds if feed.halt and not feed.halt.stopped),
        violations=tuple(
            violation for books in shards for violation in (*books.violations, *_contradictions(books))
        ),
        missing_shards=tuple(sorted(set(range(shard_count)) - {books.shard for books in shards})),
    )


def _overall(shards: Sequence[ShardBooks], totals: Sequence[CodeTotal]) -> list[Line]:
    balances: dict[AccountCode, int] = defaultdict(int)
    for books in shards:
        for balance in books.balances:
            balances[balance.code] += balance.balance_fen
    deposits_fen = -balances.pop(AccountCode.BANK_CLEARING, 0)
    debits_fen = sum(total.debits_fen for total in totals)
    credits_fen = sum(total.credits_fen for total in totals)
    holders = (
        "sponsors + budgets + escrow + pools + shares + waiting + wallets + envelopes + remainders"
        " + compensation + in transit"
    )
    return [
        Line("all shards", "debits = credits", debits_fen, credits_fen),
        Line("all shards", f"deposits = {holders}", deposits_fen, sum(balances.values())),
    ]


def _of_shard(books: ShardBooks) -> list[Line]:
    subject = f"shard {books.shard}"
    debits_fen = sum(total.debits_fen for total in books.totals)
    credits_fen = sum(total.credits_fen for total in books.totals)
    lines = [Line(subject, "debits = credits", debits_fen, credits_fen)]
    posted: dict[AccountCode, int] = defaultdict(int)
    for total in books.totals:
        posted[total.code] += total.net_fen
    counted = {balance.code: balance.balance_fen for balance in books.balances}
    for code in sorted(posted.keys() | counted.keys()):
        statement = f"{code.name.lower()}: posted = counted"
        lines.append(Line(subject, statement, posted.get(code, 0), counted.get(code, 0)))
    return lines


def _of_campaign(campaign: CampaignBooks) -> Line:
    statement = (
        "held = returned + wallets + escrow + pool + shares + waiting + remainder + budgets + compensation"
        " + paid out + in transit"
    )
    return Line(f"campaign {campaign.campaign_id}", statement, campaign.held_fen, campaign.placed_fen)


def _of_pendings(books: ShardBooks) -> list[Line]:
    """What stands is reserved on both sides, and nothing stands for longer than it was asked to."""
    subject, pending = f"shard {books.shard}", books.pending
    return [
        Line(subject, "pending: standing = reserved of debits", pending.open_fen, pending.debits_fen),
        Line(subject, "pending: standing = reserved for credits", pending.open_fen, pending.credits_fen),
        Line(subject, "pending past its time = nothing", pending.overdue_fen, 0),
    ]


def _of_waiting(books: ShardBooks) -> Line:
    """What the register says of each winnings that wait, beside the accounts that they are in."""
    assert books.waiting is not None, "there is a register"
    counted = sum(balance.balance_fen for balance in books.balances if balance.code is AccountCode.WAITING)
    return Line(f"shard {books.shard}", "waiting: registered = counted", books.waiting.amount_fen, counted)


def _of_disputes(books: ShardBooks) -> list[Line]:
    """What the disputes say was paid for them, beside the postings; nothing where nothing ever was."""
    assert books.disputes is not None, "somebody has asked"
    paid_fen = books.disputes.paid_fen
    posted = sum(posted_fen(books.kinds, code) for code in _PAID_FOR_DISPUTES)
    if not (paid_fen or posted):
        return []
    return [Line(f"shard {books.shard}", "disputes: paid = posted", paid_fen, posted)]


def _of_withdrawals(books: ShardBooks) -> list[Line]:
    total = books.withdrawals
    if total is None:
        return []
    if total.paid_fen is None:
        return []
    statement = "paid by the bank = withdrawn + being withdrawn"
    return [Line(f"shard {books.shard}", statement, total.paid_fen, total.paid_explained_fen)]


def _contradictions(books: ShardBooks) -> list[Violation]:
    """The withdrawals that the bank contradicts: somebody has to look."""
    if books.withdrawals is None:
        return []
    account_id = bank_clearing(books.shard)
    balance_fen = sum(
        balance.balance_fen for balance in books.balances if balance.code is AccountCode.BANK_CLEARING
    )
    return [
        Violation(account_id, balance_fen, f"the bank contradicts withdrawal {withdrawal_id}")
        for withdrawal_id in books.withdrawals.contradicted_ids
    ]


def _of_transits(shards: Sequence[ShardBooks]) -> list[Line]:
    sent: dict[tuple[int, int], int] = defaultdict(int)
    received: dict[tuple[int, int], int] = defaultdict(int)
    for books in shards:
        for transit in books.transits:
            sent[transit.from_shard, transit.to_shard] += transit.sent_fen
            received[transit.from_shard, transit.to_shard] += transit.received_fen
    return [
        Line(
            f"shard {pair[0]} to {pair[1]}",
            "sent = received + on its way",
            sent[pair],
            received[pair] + max(0, sent[pair] - received[pair]),
        )
        for pair in sorted(sent.keys() | received.keys())
    ]


def _of_feeds(books: ShardBooks) -> list[Line]:
    return [
        Line(
            f"feed {feed.source} in shard {books.shard}",
            "reported = posted",
            feed.reported_fen,
            feed.posted_fen,
        )
        for feed in books.feeds
        if not feed.steps
    ]
