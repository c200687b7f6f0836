"""What becomes of winnings that wait: each step is decided against the state and put on record as an event.

Nobody asks for these steps and no feed tells them: whoever keeps a shard takes them when they are due. The
item itself makes each happen once: it is there before, and gone after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountId
from services.settlement.domain.commands import send
from services.settlement.domain.state import SettlementState
from services.settlement.domain.waiting_items import ItemKey, WaitingItem


def items_of(state: SettlementState, keys: Iterable[ItemKey], count: int) -> list[WaitingItem]:
    """The first items of a list of work."""
    return [state.waiting.items[key] for key in islice(keys, count)]


def pay(state: SettlementState, items: Sequence[WaitingItem]) -> pb.SettlementEvent:
    """Winnings go to the wallets of the persons in whose accounts they are."""
    code = pb.TRANSFER_CODE_WAITING_PAID
    return _event(state, items, code, lambda item: accounts.wallet(item.key.person_id))


def expire(state: SettlementState, items: Sequence[WaitingItem]) -> pb.SettlementEvent:
    """Winnings go back to their sponsors, because nobody was verified in time."""
    code = pb.TRANSFER_CODE_WAITING_EXPIRED
    return _event(state, items, code, lambda item: accounts.sponsor(item.sponsor_id))


def give_back(state: SettlementState, items: Sequence[WaitingItem]) -> pb.SettlementEvent:
    """Winnings go back to their sponsors, because their person was paid for the same rounds or pools."""
    code = pb.TRANSFER_CODE_WAITING_DUPLICATE
    return _event(state, items, code, lambda item: accounts.sponsor(item.sponsor_id))


def forward(state: SettlementState, items: Sequence[WaitingItem]) -> pb.SettlementEvent:
    """Winnings go to the waiting accounts of the persons whom their winners turned out to be."""
    merges = state.people.merges
    event = pb.SettlementEvent()
    for item in items:
        person_id = merges[item.key.person_id].person_id
        target = accounts.waiting(person_id, item.key.hold_id)
        transfer = _transfer(item, pb.TRANSFER_CODE_WAITING_MERGED, target)
        transfer.waiting.CopyFrom(item.ticket(person_id))
        event.transfers.append(send(state, transfer))
    return event


def forward_wallet(state: SettlementState, provisional: int) -> pb.SettlementEvent:
    """What came to the wallet of a provisional person, as shares of envelopes do, follows them."""
    merge = state.people.merges[provisional]
    wallet = accounts.wallet(provisional)
    transfer = pb.Transfer(
        transfer_id=f"merged:{provisional}:{merge.sent_on}",
        debit_account_id=wallet,
        credit_account_id=accounts.wallet(merge.person_id),
        amount_fen=state.ledger.balance_fen(wallet),
        code=pb.TRANSFER_CODE_WALLET_MERGED,
    )
    return pb.SettlementEvent(transfers=[send(state, transfer)])


def was_paid_here(state: SettlementState, item: WaitingItem) -> bool:
    """Whether this shard itself knows that the item's person has a payout of the same round or pool."""
    person_id, hold_id = item.key.person_id, item.key.hold_id
    own = ItemKey(person_id, hold_id, person_id)
    return own in state.waiting.items or state.waiting.was_paid(person_id, hold_id)


def is_of_pool(item: WaitingItem) -> bool:
    """Whether the item is of a prize pool, not of a round."""
    return item.key.hold_id == f"{item.campaign_id}.pool"


def completed_too(state: SettlementState, item: WaitingItem, cards_shards: int) -> bool | None:
    """Whether the item's person is paid a share of the pool anyway; None until that is certain."""
    person_id = item.key.person_id
    completers = state.completers(item.campaign_id, shard_of(person_id, cards_shards))
    if person_id in completers.known:
        return True
    return False if completers.decided else None


def part_closed(state: SettlementState, item: WaitingItem, allocation_shards: int) -> bool | None:
    """Whether the item's person can win nothing of the round any more; None when only allocation knows.

    A part of a round that never had any packets, or whose money has not arrived, is not known here.
    """
    part = shard_of(item.key.person_id, allocation_shards)
    account = state.ledger.account(accounts.escrow(item.key.hold_id, part))
    return None if account is None else account.closed


def _event(
    state: SettlementState,
    items: Sequence[WaitingItem],
    code: pb.TransferCode.ValueType,
    target_of: Callable[[WaitingItem], AccountId],
) -> pb.SettlementEvent:
    event = pb.SettlementEvent()
    for item in items:
        event.transfers.append(send(state, _transfer(item, code, target_of(item))))
    return event


def _transfer(item: WaitingItem, code: pb.TransferCode.ValueType, target: AccountId) -> pb.Transfer:
    key = item.key
    return pb.Transfer(
        transfer_id=f"waiting:{key.person_id}:{key.hold_id}:{key.origin_id}:{int(code)}",
        debit_account_id=item.account_id,
        credit_account_id=target,
        amount_fen=item.amount_fen,
        code=code,
        campaign_id=item.campaign_id,
        sponsor_id=item.sponsor_id,
        hold_id=key.hold_id,
        waiting=item.ticket(),
    )
