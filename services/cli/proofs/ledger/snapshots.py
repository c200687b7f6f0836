"""Compares a snapshot, which owners start from, with the state that follows from the records."""

from __future__ import annotations

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from hongbao.settlement.v1 import events_pb2
from services.settlement.domain.accounts import wallet
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.snapshot import freeze_snapshot
from services.settlement.domain.state import SettlementState


def first_difference(kept: SettlementState, folded: SettlementState) -> str | None:
    """The first thing in which two states differ, as a word or an account's id; None when in nothing.

    The order in which things came counts for nothing: a snapshot does not keep it everywhere.
    """
    return _first_account(kept.ledger, folded.ledger) or _first_subject(kept, folded)


def _first_account(kept: Ledger, folded: Ledger) -> str | None:
    """The first wallet, or else other account, that is not the same in both."""
    if kept.wallets != folded.wallets:
        # A wallet of 0 and none at all are the same.
        odd = {(person_id, fen) for person_id, fen in kept.wallets.items() ^ folded.wallets.items() if fen}
        if odd:
            return wallet(min(person_id for person_id, _ in odd))
    for account_id in sorted(kept.accounts.keys() | folded.accounts.keys()):
        if kept.accounts.get(account_id) != folded.accounts.get(account_id):
            return account_id
    return None


def _first_subject(kept: SettlementState, folded: SettlementState) -> str | None:
    """What is kept beside balances: who is verified, what waits, what the bank was told, and the rest."""
    for subject in ("account_totals", "transfer_totals", "digests", "cursors"):
        if getattr(kept.ledger, subject) != getattr(folded.ledger, subject):
            return subject
    ours, theirs = _registers(kept), _registers(folded)
    for field in events_pb2.ShardSnapshot.DESCRIPTOR.fields:
        if _sorted(ours, field) != _sorted(theirs, field):
            return str(field.name)
    return None


def _registers(state: SettlementState) -> Message:
    """A snapshot of everything but the ledger, which is large, and is compared as it is."""
    return events_pb2.ShardSnapshot.FromString(
        freeze_snapshot(state.shard, Ledger(), state.registers, state.chapters)()
    )


def _sorted(message: Message, field: FieldDescriptor) -> object:
    """A field's content, the same whatever order its messages are in."""
    content = getattr(message, field.name)
    if field.message_type is None:
        return list(content) if field.is_repeated else content
    messages = list(content) if field.is_repeated else [content] if message.HasField(field.name) else []
    return sorted(repr([_sorted(inner, part) for part in field.message_type.fields]) for inner in messages)
