"""What a person is told of their money: what is there, what waits, and what may leave."""

from __future__ import annotations

from hongbao.settlement.v1 import person_events_pb2 as persons_pb
from hongbao.settlement.v1 import settlement_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain import accounts
from services.settlement.domain.state import SettlementState
from services.settlement.domain.waiting_items import WaitingItem

_SHOWN_MAX = 100


def wallet_message(
    state: SettlementState, person_id: int, now_ms: int, waiting_ms: int
) -> pb.GetWalletResponse:
    """A person's wallet as of now; `waiting_ms` is how long winnings wait without a rule of their own."""
    ledger, account_id = state.ledger, accounts.wallet(person_id)
    message = pb.GetWalletResponse(
        balance_fen=ledger.balance_fen(account_id),
        pending_fen=ledger.pendings.debits_fen(account_id),
        available_fen=ledger.available_fen(account_id),
        frozen=account_id in ledger.frozen,
    )
    items = state.waiting.of_person(person_id)
    message.waiting_fen = sum(item.amount_fen for item in items)
    message.waiting.extend(sorted((_winnings(item, waiting_ms) for item in items), key=_end_ns)[:_SHOWN_MAX])
    allowance = state.people.allowance(person_id, now_ms)
    if allowance is not None:
        message.tier = persons_pb.PersonTier.ValueType(allowance.tier)
        message.limit_fen = allowance.limit_fen
        message.limit_left_fen = allowance.left_fen
        message.limit_period = allowance.period
    merge = state.people.merges.get(person_id)
    if merge is not None:
        message.merged_into_person_id = merge.person_id
    return message


def _winnings(item: WaitingItem, waiting_ms: int) -> pb.WaitingWinnings:
    winnings = pb.WaitingWinnings(
        campaign_id=item.campaign_id,
        hold_id=item.key.hold_id,
        amount_fen=item.amount_fen,
        since=timestamp(item.since_ms),
        origin_person_id=item.key.origin_id,
    )
    if not item.is_merged:
        until_ms = item.waits_until_ms or item.since_ms + waiting_ms
        winnings.waits_until_at.CopyFrom(timestamp(until_ms))
    return winnings


def _end_ns(winnings: pb.WaitingWinnings) -> tuple[int, str]:
    """Sorts by the end; what has none comes first, because it is decided soonest."""
    return winnings.waits_until_at.ToNanoseconds(), winnings.hold_id
