"""A shard's state as bytes and back, in columns where it is large."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.accounts import AccountCode, AccountId, code_of
from services.settlement.domain.balances import Account, Count, FeedCursor, Movement
from services.settlement.domain.chapters import Chapter
from services.settlement.domain.events import divided_event, divided_of, hold_event, hold_of
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.leftovers import Leftovers
from services.settlement.domain.registers import Completers, Registers
from services.settlement.domain.transfers import DIGEST_BYTES, TransferCode, TransferId
from services.settlement.domain.wallet_holds import WalletHold, WalletHolds

_PIECE = 1 << 16
"""Wallets that are written out at once: other threads have to wait for as long."""


def freeze_snapshot(
    shard: int, ledger: Ledger, registers: Registers, chapters: Sequence[Chapter]
) -> Callable[[], bytes]:
    """A shard's whole state as it is now, to be written out later and in another thread.

    Of what there may be millions of, wallets, accounts and envelopes, only what is needed is copied.
    """
    snapshot = pb.ShardSnapshot(shard=shard)
    _write_ledger(ledger, snapshot)
    _write_registers(registers, snapshot)
    person_ids, balances_fen = list(ledger.wallets), list(ledger.wallets.values())
    transfer_ids, digests = list(ledger.digests), list(ledger.digests.values())
    accounts = [
        (account.account_id, account.debits_fen, account.credits_fen, account.closed, account.sponsor_id)
        for account in ledger.accounts.values()
    ]
    wallet_holds = list(registers.wallet_holds.all())
    frozen_chapters = [chapter.freeze() for chapter in chapters]

    def write_out() -> bytes:
        for account_id, debits_fen, credits_fen, closed, sponsor_id in accounts:
            snapshot.accounts.add(
                account_id=account_id,
                debits_fen=debits_fen,
                credits_fen=credits_fen,
                closed=closed,
                sponsor_id=sponsor_id,
            )
        for start in range(0, len(person_ids), _PIECE):
            snapshot.wallet_person_ids.extend(person_ids[start : start + _PIECE])
            snapshot.wallet_balances_fen.extend(balances_fen[start : start + _PIECE])
        snapshot.transfer_ids.extend(transfer_ids)
        snapshot.transfer_digests = b"".join(digests)
        _write_wallet_holds(wallet_holds, snapshot)
        for write_chapter in frozen_chapters:
            write_chapter(snapshot)
        return snapshot.SerializeToString()

    return write_out


def read_snapshot(state: bytes, ledger: Ledger, registers: Registers, chapters: Sequence[Chapter]) -> int:
    """Fills an empty ledger, empty registers and chapters; returns whose state it was."""
    snapshot = pb.ShardSnapshot.FromString(state)
    _read_ledger(snapshot, ledger)
    _read_registers(snapshot, registers)
    for chapter in chapters:
        chapter.restore(snapshot)
    return snapshot.shard


def account_totals(ledger: Ledger) -> list[pb.AccountTotal]:
    """Totals by account code and campaign, in a stable order."""
    return [
        pb.AccountTotal(
            code=pb.AccountCode.ValueType(code),
            campaign_id=campaign_id,
            debits_fen=total.debits_fen,
            credits_fen=total.credits_fen,
        )
        for (code, campaign_id), total in sorted(ledger.account_totals.items())
    ]


def transfer_totals(ledger: Ledger) -> list[pb.TransferTotal]:
    """Totals by transfer code and campaign, in a stable order."""
    return [
        pb.TransferTotal(
            code=pb.TransferCode.ValueType(code),
            campaign_id=campaign_id,
            transfers=count.transfers,
            amount_fen=count.amount_fen,
        )
        for (code, campaign_id), count in sorted(ledger.transfer_totals.items())
    ]


def feed_total(source: str, cursor: FeedCursor) -> pb.FeedTotal:
    """What one feed has come to."""
    return pb.FeedTotal(
        source=source,
        cursor_seq=cursor.seq,
        steps=cursor.steps,
        records=cursor.records,
        reported_fen=cursor.reported_fen,
        posted_fen=cursor.posted_fen,
    )


def _write_ledger(ledger: Ledger, snapshot: pb.ShardSnapshot) -> None:
    snapshot.account_totals.extend(account_totals(ledger))
    snapshot.transfer_totals.extend(transfer_totals(ledger))
    snapshot.feeds.extend(feed_total(source, cursor) for source, cursor in ledger.cursors.items())


def _read_ledger(snapshot: pb.ShardSnapshot, ledger: Ledger) -> None:
    for kept in snapshot.accounts:
        account_id = AccountId(kept.account_id)
        ledger.accounts[account_id] = Account(
            account_id, code_of(account_id), kept.debits_fen, kept.credits_fen, kept.closed, kept.sponsor_id
        )
    ledger.wallets.update(zip(snapshot.wallet_person_ids, snapshot.wallet_balances_fen, strict=True))
    for total in snapshot.account_totals:
        movement = Movement(total.debits_fen, total.credits_fen)
        ledger.account_totals[AccountCode(total.code), total.campaign_id] = movement
        ledger.debits_fen += total.debits_fen
        ledger.credits_fen += total.credits_fen
    for kind in snapshot.transfer_totals:
        count = Count(kind.transfers, kind.amount_fen)
        ledger.transfer_totals[TransferCode(kind.code), kind.campaign_id] = count
    digests = snapshot.transfer_digests
    for index, transfer_id in enumerate(snapshot.transfer_ids):
        start = index * DIGEST_BYTES
        ledger.digests[TransferId(transfer_id)] = digests[start : start + DIGEST_BYTES]
    for feed in snapshot.feeds:
        ledger.cursors[feed.source] = FeedCursor(
            feed.cursor_seq, feed.steps, feed.records, feed.reported_fen, feed.posted_fen
        )


def _write_registers(registers: Registers, snapshot: pb.ShardSnapshot) -> None:
    for hold in registers.holds.values():
        returned_fen = registers.returned_fen.get(hold.hold_id, 0)
        snapshot.holds.add(created=hold_event(hold), returned_fen=returned_fen)
    for (campaign_id, cards_shard), completers in registers.completers.items():
        snapshot.completers.add(
            campaign_id=campaign_id,
            cards_shard=cards_shard,
            person_ids=completers.person_ids,
            paid_count=completers.paid_count,
            decided=completers.decided,
            luck_classes=bytes(completers.luck_classes),
        )
    snapshot.pools.extend(divided_event(divided) for divided in registers.pools.values())
    for account_id, leftovers in registers.leftovers.items():
        snapshot.leftovers.add(
            account_id=account_id,
            announced_fen=leftovers.announced_fen,
            arrived_fen=leftovers.arrived_fen,
            sent_fen=leftovers.sent_fen,
        )
    if registers.wallet_holds.forgotten_ms:
        snapshot.wallet_holds_forgotten_at.CopyFrom(timestamp(registers.wallet_holds.forgotten_ms))


def _read_registers(snapshot: pb.ShardSnapshot, registers: Registers) -> None:
    for kept in snapshot.holds:
        hold = hold_of(kept.created)
        registers.holds[hold.hold_id] = hold
        if kept.returned_fen:
            registers.returned_fen[hold.hold_id] = kept.returned_fen
    for row in snapshot.completers:
        person_ids = list(row.person_ids)
        registers.completers[row.campaign_id, row.cards_shard] = Completers(
            person_ids, set(person_ids), row.paid_count, row.decided, bytearray(row.luck_classes)
        )
    for divided in map(divided_of, snapshot.pools):
        registers.pools[divided.campaign_id] = divided
    for moved in snapshot.leftovers:
        registers.leftovers[moved.account_id] = Leftovers(
            moved.announced_fen, moved.arrived_fen, moved.sent_fen
        )
    _read_wallet_holds(snapshot, registers.wallet_holds)


def _write_wallet_holds(holds: Iterable[WalletHold], snapshot: pb.ShardSnapshot) -> None:
    for hold in holds:
        snapshot.wallet_holds.add(
            envelope_id=hold.envelope_id,
            person_id=hold.person_id,
            amount_fen=hold.amount_fen,
            hold_ends_at=timestamp(hold.ends_ms),
            ended=hold.ended,
        )


def _read_wallet_holds(snapshot: pb.ShardSnapshot, holds: WalletHolds) -> None:
    for kept in snapshot.wallet_holds:
        ends_ms = milliseconds(kept.hold_ends_at)
        holds.add(WalletHold(kept.envelope_id, kept.person_id, kept.amount_fen, ends_ms, kept.ended))
    if snapshot.HasField("wallet_holds_forgotten_at"):
        holds.forgotten_ms = milliseconds(snapshot.wallet_holds_forgotten_at)
