"""A shard's books as the contract carries them, and back: for the servicer and for the operator's command."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import settlement_pb2 as pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.accounts import AccountCode
from services.settlement.domain.shard_books import (
    CodeBalance,
    CodeTotal,
    DisputeTotal,
    FeedHalt,
    FeedLine,
    KindTotal,
    PendingTotal,
    ShardBooks,
    Transit,
    Violation,
    WaitingTotal,
)
from services.settlement.domain.transfers import TransferCode
from services.settlement.domain.withdrawals.totals import read_withdrawals, write_withdrawals


def read_books(message: pb.ShardBooks) -> ShardBooks:
    """The books that a message carries."""
    return ShardBooks(
        shard=message.shard,
        seq=message.seq,
        totals=tuple(
            CodeTotal(AccountCode(total.code), total.campaign_id, total.debits_fen, total.credits_fen)
            for total in message.account_totals
        ),
        kinds=tuple(
            KindTotal(TransferCode(total.code), total.campaign_id, total.transfers, total.amount_fen)
            for total in message.transfer_totals
        ),
        balances=tuple(
            CodeBalance(AccountCode(balance.code), balance.accounts, balance.balance_fen)
            for balance in message.code_balances
        ),
        transits=tuple(
            Transit(transit.from_shard, transit.to_shard, transit.sent_fen, transit.received_fen)
            for transit in message.transits
        ),
        feeds=tuple(_read_feed(feed) for feed in message.feeds),
        violations=tuple(
            Violation(violation.account_id, violation.balance_fen, violation.detail)
            for violation in message.violations
        ),
        waiting=_read_waiting(message.waiting) if message.HasField("waiting") else None,
        disputes=_read_disputes(message.disputes) if message.HasField("disputes") else None,
        withdrawals=read_withdrawals(message.withdrawals) if message.HasField("withdrawals") else None,
        digest=message.digest,
        pending=PendingTotal(
            message.pending.open_count,
            message.pending.open_fen,
            message.pending.debits_fen,
            message.pending.credits_fen,
            message.pending.overdue_fen,
        ),
        frozen_accounts=message.frozen_accounts,
    )


def write_books(books: ShardBooks) -> pb.ShardBooks:
    """The message that carries the books."""
    return pb.ShardBooks(
        shard=books.shard,
        seq=books.seq,
        account_totals=[
            events.AccountTotal(
                code=events.AccountCode.ValueType(total.code),
                campaign_id=total.campaign_id,
                debits_fen=total.debits_fen,
                credits_fen=total.credits_fen,
            )
            for total in books.totals
        ],
        transfer_totals=[
            events.TransferTotal(
                code=events.TransferCode.ValueType(total.code),
                campaign_id=total.campaign_id,
                transfers=total.transfers,
                amount_fen=total.amount_fen,
            )
            for total in books.kinds
        ],
        code_balances=[
            pb.CodeBalance(
                code=events.AccountCode.ValueType(balance.code),
                accounts=balance.accounts,
                balance_fen=balance.balance_fen,
            )
            for balance in books.balances
        ],
        transits=[
            pb.TransitBalance(
                from_shard=transit.from_shard,
                to_shard=transit.to_shard,
                sent_fen=transit.sent_fen,
                received_fen=transit.received_fen,
            )
            for transit in books.transits
        ],
        feeds=[_write_feed(feed) for feed in books.feeds],
        violations=[
            pb.Violation(
                account_id=violation.account_id,
                balance_fen=violation.balance_fen,
                detail=violation.detail,
            )
            for violation in books.violations
        ],
        waiting=None if books.waiting is None else _write_waiting(books.waiting),
        withdrawals=None if books.withdrawals is None else write_withdrawals(books.withdrawals),
        disputes=None if books.disputes is None else _write_disputes(books.disputes),
        digest=books.digest,
        pending=pb.PendingBooks(
            open_count=books.pending.open_count,
            open_fen=books.pending.open_fen,
            debits_fen=books.pending.debits_fen,
            credits_fen=books.pending.credits_fen,
            overdue_fen=books.pending.overdue_fen,
        ),
        frozen_accounts=books.frozen_accounts,
    )


def _read_waiting(waiting: pb.WaitingBooks) -> WaitingTotal:
    oldest_ms = milliseconds(waiting.oldest_since) if waiting.HasField("oldest_since") else 0
    return WaitingTotal(waiting.items, waiting.amount_fen, oldest_ms)


def _write_waiting(waiting: WaitingTotal) -> pb.WaitingBooks:
    return pb.WaitingBooks(
        items=waiting.items,
        amount_fen=waiting.amount_fen,
        oldest_since=timestamp(waiting.oldest_ms) if waiting.oldest_ms else None,
    )


def _read_disputes(disputes: pb.DisputeBooks) -> DisputeTotal:
    return DisputeTotal(disputes.undecided, disputes.unpaid, disputes.unpaid_fen, disputes.paid_fen)


def _write_disputes(disputes: DisputeTotal) -> pb.DisputeBooks:
    return pb.DisputeBooks(
        undecided=disputes.undecided,
        unpaid=disputes.unpaid,
        unpaid_fen=disputes.unpaid_fen,
        paid_fen=disputes.paid_fen,
    )


def _read_feed(feed: pb.FeedBooks) -> FeedLine:
    total = feed.total
    halt = None
    if feed.state in {pb.FEED_STATE_WAITING, pb.FEED_STATE_STOPPED}:
        stopped = feed.state == pb.FEED_STATE_STOPPED
        halt = FeedHalt(feed.halted_seq, feed.halted_since.ToMilliseconds(), feed.detail, stopped)
    return FeedLine(
        total.source,
        total.cursor_seq,
        total.records,
        total.reported_fen,
        total.posted_fen,
        steps=total.steps,
        halt=halt,
    )


def _write_feed(feed: FeedLine) -> pb.FeedBooks:
    message = pb.FeedBooks(
        total=events.FeedTotal(
            source=feed.source,
            cursor_seq=feed.cursor_seq,
            records=feed.records,
            reported_fen=feed.reported_fen,
            posted_fen=feed.posted_fen,
            steps=feed.steps,
        ),
        state=pb.FEED_STATE_RUNNING,
    )
    if feed.halt is not None:
        message.state = pb.FEED_STATE_STOPPED if feed.halt.stopped else pb.FEED_STATE_WAITING
        message.halted_seq = feed.halt.seq
        message.detail = feed.halt.detail
        since = Timestamp()
        since.FromMilliseconds(feed.halt.since_ms)
        message.halted_since.CopyFrom(since)
    return message
