"""The allocation feed: won packets are paid out of escrow, and the rest goes back to the sponsor.

Packets that move from one shard to another take their money from escrow to escrow with the record of the
shard that sends them. The record of the shard that receives them moves nothing: it tells what to wait for.
Whatever waits, waits for a record that came before it, so no two feeds can wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain import accounts
from services.settlement.domain.balances import Account
from services.settlement.domain.commands import send
from services.settlement.domain.feeds import FeedPlace
from services.settlement.domain.winnings import Winnings, pay


def packets_effect(place: FeedPlace, event: allocation.AllocationEvent) -> pb.SettlementEvent | None:
    """What a record of an allocation shard does to the books; None when nothing.

    Raises `FundsInTransit` and `Contradiction`.
    """
    match event.WhichOneof("event"):
        case "packets_won":
            return _packets_won(place, event.packets_won)
        case "packets_sent":
            return _packets_sent(place, event.packets_sent)
        case "packets_received":
            return _packets_received(place, event.packets_received)
        case "stock_closed":
            return _stock_closed(place, event.stock_closed)
        case _:
            return None


def packets(
    escrow: Account, stock_id: str, campaign_id: str, person_ids: Sequence[int], amounts_fen: Sequence[int]
) -> Winnings:
    """Packets that were won of one part of a round."""
    return Winnings(
        debit_account_id=escrow.account_id,
        hold_id=stock_id,
        sponsor_id=escrow.sponsor_id,
        campaign_id=campaign_id,
        code=pb.TRANSFER_CODE_PACKET,
        person_ids=person_ids,
        amounts_fen=amounts_fen,
    )


def _packets_won(place: FeedPlace, won: allocation.PacketsWon) -> pb.SettlementEvent:
    escrow = _escrow(place, won.stock_id)
    amounts_fen = list(won.amounts_fen)
    place.expect(won.stock_id.startswith(f"{won.campaign_id}."), "the stock is of another campaign")
    place.expect(len(won.person_ids) == len(amounts_fen) > 0, "the columns differ in length")
    place.expect_persons(won.person_ids)
    _await_leftovers(place, escrow, sum(amounts_fen))
    event = place.event(reported_fen=sum(amounts_fen))
    pay(place, event, packets(escrow, won.stock_id, won.campaign_id, won.person_ids, amounts_fen))
    return place.checked(event)


def _packets_sent(place: FeedPlace, sent: allocation.PacketsSent) -> pb.SettlementEvent | None:
    if not sent.lots and not sent.amount_fen:
        return None  # A request that was answered with nothing.
    escrow = _escrow(place, sent.stock_id)
    place.expect(sent.stock_id.startswith(f"{sent.campaign_id}."), "the stock is of another campaign")
    place.expect(sent.to_shard != place.source_shard, "a shard sends packets to itself")
    _await_leftovers(place, escrow, sent.amount_fen)
    event = place.event(reported_fen=sent.amount_fen)
    transfer = pb.Transfer(
        transfer_id=place.transfer_id(),
        debit_account_id=escrow.account_id,
        credit_account_id=accounts.escrow(sent.stock_id, sent.to_shard),
        amount_fen=sent.amount_fen,
        code=pb.TRANSFER_CODE_LEFTOVER,
        campaign_id=sent.campaign_id,
        sponsor_id=escrow.sponsor_id,
        hold_id=sent.stock_id,
    )
    event.transfers.append(send(place.state, transfer))
    return place.checked(event)


def _packets_received(place: FeedPlace, received: allocation.PacketsReceived) -> pb.SettlementEvent | None:
    if not received.amount_fen:
        return None
    event = place.event()
    event.leftovers_announced.hold_id = received.stock_id
    event.leftovers_announced.part = place.source_shard
    event.leftovers_announced.amount_fen = received.amount_fen
    return place.checked(event)


def _stock_closed(place: FeedPlace, closed: allocation.StockClosed) -> pb.SettlementEvent | None:
    account_id = accounts.escrow(closed.stock_id, place.source_shard)
    if not closed.won_fen and not closed.returned_fen and place.state.ledger.account(account_id) is None:
        return None  # A part without packets never had any money.
    escrow = _escrow(place, closed.stock_id)
    place.expect(closed.shard == place.source_shard, f"it speaks of shard {closed.shard}")
    place.expect(not escrow.closed, "the stock is closed already")
    leftovers = place.state.leftovers(escrow.account_id)
    if leftovers.awaited_fen:
        raise place.funds_in_transit(escrow.account_id)
    place.expect(
        leftovers.announced_fen == leftovers.arrived_fen, "packets came that the part does not know of"
    )
    place.expect(escrow.sponsor_id == closed.sponsor_id, f"the money is sponsor {escrow.sponsor_id}'s")
    paid_fen = escrow.debits_fen - leftovers.sent_fen
    place.expect(
        paid_fen == closed.won_fen, f"{closed.won_fen} fen are said to be won, {paid_fen} fen were paid"
    )
    place.expect(
        escrow.balance_fen == closed.returned_fen,
        f"{closed.returned_fen} fen are said to be left, {escrow.balance_fen} fen are",
    )
    event = place.event(reported_fen=closed.returned_fen)
    if closed.returned_fen:
        event.transfers.append(_return(place, escrow, closed))
    event.hold_part_closed.hold_id = closed.stock_id
    event.hold_part_closed.part = place.source_shard
    event.hold_part_closed.won_fen = closed.won_fen
    event.hold_part_closed.returned_fen = closed.returned_fen
    return place.checked(event)


def _return(place: FeedPlace, escrow: Account, closed: allocation.StockClosed) -> pb.Transfer:
    return send(
        place.state,
        pb.Transfer(
            transfer_id=place.transfer_id(),
            debit_account_id=escrow.account_id,
            credit_account_id=accounts.sponsor(closed.sponsor_id),
            amount_fen=closed.returned_fen,
            code=pb.TRANSFER_CODE_ROUND_RETURN,
            campaign_id=closed.campaign_id,
            sponsor_id=closed.sponsor_id,
            hold_id=closed.stock_id,
        ),
    )


def _await_leftovers(place: FeedPlace, escrow: Account, needed_fen: int) -> None:
    """Raises `FundsInTransit` when the escrow is short of what has been announced and not arrived."""
    if escrow.balance_fen < needed_fen and place.state.leftovers(escrow.account_id).awaited_fen:
        raise place.funds_in_transit(escrow.account_id)


def _escrow(place: FeedPlace, stock_id: str) -> Account:
    account_id = accounts.escrow(stock_id, place.source_shard)
    account = place.state.ledger.account(account_id)
    if account is None:
        raise place.funds_in_transit(account_id)
    return account
