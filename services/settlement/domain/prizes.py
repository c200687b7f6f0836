"""The cards feed: sets are remembered, and a decided pool is divided once and paid to all who completed.

The home shard of a campaign divides the pool; each shard pays the completers of its own cards shards, in
batches. Every step is an event of its own, so a payout that was interrupted goes on where it was.
"""

from __future__ import annotations

from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import timestamp
from services.settlement.domain import accounts
from services.settlement.domain.commands import send
from services.settlement.domain.events import divided_event
from services.settlement.domain.feeds import FeedPlace
from services.settlement.domain.pool import LUCK_CLASSES, PoolDivision, divide_by_luck, divide_pool
from services.settlement.domain.registers import Completers, DividedPool
from services.settlement.domain.winnings import Winnings, pay


def prizes_effect(place: FeedPlace, event: cards.CardsEvent, payout_batch: int) -> pb.SettlementEvent | None:
    """What a record of a cards shard does to the books next; None when nothing.

    `payout_batch` is the most completers that one event pays. Raises `FundsInTransit` and `Contradiction`.
    """
    match event.WhichOneof("event"):
        case "set_completed":
            return _set_completed(place, event.set_completed)
        case "sets_completed":
            return _sets_completed(place, event.sets_completed)
        case "set_undone":
            return _set_undone(place, event.set_undone)
        case "pool_decided":
            divided = _decision(place, event.pool_decided)
            return _division(place, divided) or _payment(place, divided, payout_batch)
        case _:
            return None


def _set_completed(place: FeedPlace, completed: cards.SetCompleted) -> pb.SettlementEvent:
    completers = place.state.completers(completed.campaign_id, place.source_shard)
    place.expect(not completers.decided, "a set follows the decision about the pool")
    place.expect(completed.person_id not in completers.known, "a person completes a second time")
    place.expect_persons([completed.person_id])
    event = place.event()
    event.set_recorded.campaign_id = completed.campaign_id
    event.set_recorded.cards_shard = place.source_shard
    event.set_recorded.person_id = completed.person_id
    return place.checked(event)


def _sets_completed(place: FeedPlace, completed: cards.SetsCompleted) -> pb.SettlementEvent:
    person_ids, luck_classes = completed.person_ids, completed.luck_classes
    completers = place.state.completers(completed.campaign_id, place.source_shard)
    place.expect(not completers.decided, "a set follows the decision about the pool")
    place.expect(len(person_ids) > 0, "nobody completes")
    persons = set(person_ids)
    is_first = len(persons) == len(person_ids) and persons.isdisjoint(completers.known)
    place.expect(is_first, "a person completes a second time")
    place.expect(is_luck_of(completers, len(person_ids), luck_classes), "luck is not that of the persons")
    place.expect_persons(person_ids)
    event = place.event()
    event.sets_recorded.campaign_id = completed.campaign_id
    event.sets_recorded.cards_shard = place.source_shard
    event.sets_recorded.person_ids.extend(person_ids)
    event.sets_recorded.luck_classes = luck_classes
    return place.checked(event)


def is_luck_of(completers: Completers, persons: int, luck_classes: bytes) -> bool:
    """Whether a record's luck is that of so many persons, or of none, as it was with the sets before."""
    if completers.person_ids and bool(completers.luck_classes) != bool(luck_classes):
        return False
    if not luck_classes:
        return True
    return len(luck_classes) == persons and min(luck_classes) > 0 and max(luck_classes) <= LUCK_CLASSES


def _set_undone(place: FeedPlace, undone: cards.SetUndone) -> pb.SettlementEvent:
    completers = place.state.completers(undone.campaign_id, place.source_shard)
    place.expect(not completers.decided, "a set is undone after the decision about the pool")
    place.expect(undone.person_id in completers.known, "a set is undone that was not completed")
    event = place.event()
    event.set_taken_back.campaign_id = undone.campaign_id
    event.set_taken_back.cards_shard = place.source_shard
    event.set_taken_back.person_id = undone.person_id
    return place.checked(event)


def _decision(place: FeedPlace, decided: cards.PoolDecided) -> DividedPool:
    """The division that a record announces, recomputed. Raises `Contradiction` when it is another one."""
    place.expect(len(decided.sets_by_shard) > place.source_shard, "it leaves out its own shard")
    place.expect(decided.pool_fen > 0, "the pool is empty")
    place.expect(min(decided.sets_by_shard) >= 0, "a number of sets is below 0")
    place.expect(
        decided.pool_hold_id == _hold_id(decided.campaign_id), "the pool's hold is another campaign's"
    )
    division = _recomputed(place, decided)
    announced = (decided.share_fen, decided.remainder_fen)
    computed = (division.share_fen, division.remainder_fen)
    place.expect(announced == computed, f"share and remainder should be {computed}, not {announced}")
    place.expect(
        tuple(decided.luck_shares_fen) == division.luck_shares_fen, "shares by luck should be others"
    )
    completers = place.state.completers(decided.campaign_id, place.source_shard)
    recorded = len(completers.person_ids)
    sets = decided.sets_by_shard[place.source_shard]
    place.expect(recorded == sets, f"it counts {sets} sets, {recorded} were reported")
    has_luck = len(completers.luck_classes) == recorded * division.is_lucky
    place.expect(has_luck, "the sets were reported with luck, or without, unlike the decision")
    worth_fen = division.worth_fen(completers.luck_classes, recorded)
    owed_fen = division.shard_fen(place.source_shard)
    place.expect(worth_fen == owed_fen, f"it gives the sets {owed_fen} fen, they are worth {worth_fen}")
    return DividedPool(decided.campaign_id, decided.sponsor_id, division)


def _recomputed(place: FeedPlace, decided: cards.PoolDecided) -> PoolDivision:
    """The division by the rules, from what the shards counted."""
    if decided.share_mode != cards.SHARE_MODE_LUCKY:
        lucky = (*decided.luck_shares_fen, *decided.sets_by_luck, *decided.shard_shares_fen)
        place.expect(not lucky, "equal shares come with luck")
        return divide_pool(decided.pool_fen, decided.sets_by_shard)
    try:
        return divide_by_luck(
            decided.pool_fen, decided.sets_by_shard, decided.sets_by_luck, decided.shard_shares_fen
        )
    except ValueError as error:
        raise place.contradiction(str(error)) from error


def _division(place: FeedPlace, divided: DividedPool) -> pb.SettlementEvent | None:
    """The division of the pool; None where that is not to be done, or has been done."""
    account_id = accounts.pool(divided.campaign_id)
    if not place.state.keeps(account_id):
        return None
    before = place.state.registers.pools.get(divided.campaign_id)
    if before is not None:
        place.expect(before == divided, "the pool was divided in another way")
        return None
    account = place.state.ledger.account(account_id)
    if account is None:
        raise place.funds_in_transit(account_id)
    place.expect(account.sponsor_id == divided.sponsor_id, f"the money is sponsor {account.sponsor_id}'s")
    pool_fen = divided.division.pool_fen
    place.expect(account.balance_fen == pool_fen, f"the pool holds {account.balance_fen} fen, not {pool_fen}")
    event = place.event(reported_fen=pool_fen, more=True)
    event.transfers.extend(_division_transfers(place, divided))
    event.pool_divided.CopyFrom(divided_event(divided))
    return place.checked(event)


def _division_transfers(place: FeedPlace, divided: DividedPool) -> list[pb.Transfer]:
    """Pool to shares and remainder; without any set, pool to sponsor."""
    division, campaign_id = divided.division, divided.campaign_id
    if not any(division.sets_by_shard):
        return [_from_pool(place, divided, 0, accounts.sponsor(divided.sponsor_id), division.pool_fen)]
    targets = [
        (accounts.pool_share(campaign_id, shard), division.shard_fen(shard))
        for shard in range(len(division.sets_by_shard))
    ]
    targets.append((accounts.remainder(campaign_id), division.remainder_fen))
    return [
        _from_pool(place, divided, index, account_id, amount_fen)
        for index, (account_id, amount_fen) in enumerate(targets)
        if amount_fen
    ]


def _from_pool(
    place: FeedPlace, divided: DividedPool, index: int, account_id: accounts.AccountId, amount_fen: int
) -> pb.Transfer:
    transfer = pb.Transfer(
        transfer_id=place.transfer_id(index),
        debit_account_id=accounts.pool(divided.campaign_id),
        credit_account_id=account_id,
        amount_fen=amount_fen,
        campaign_id=divided.campaign_id,
    )
    match accounts.code_of(account_id):
        case accounts.AccountCode.POOL_SHARE:
            transfer.code = pb.TRANSFER_CODE_POOL_SHARE
            _keep_rule(place, transfer, _hold_id(divided.campaign_id))
        case accounts.AccountCode.REMAINDER:
            transfer.code = pb.TRANSFER_CODE_POOL_REMAINDER
        case _:
            transfer.code = pb.TRANSFER_CODE_POOL_RETURN
            transfer.sponsor_id = divided.sponsor_id
            transfer.hold_id = _hold_id(divided.campaign_id)
    return send(place.state, transfer)


def _keep_rule(place: FeedPlace, transfer: pb.Transfer, hold_id: str) -> None:
    """Sends the rule for winnings of a hold along with its money."""
    waits_until_ms = place.state.waiting.waits_until_ms(hold_id)
    if waits_until_ms:
        transfer.hold_id = hold_id
        transfer.winnings_wait_until_at.CopyFrom(timestamp(waits_until_ms))


def _payment(place: FeedPlace, divided: DividedPool, payout_batch: int) -> pb.SettlementEvent:
    """The next completers' shares. The last of these events moves the cursor."""
    campaign_id, share_fen = divided.campaign_id, divided.division.share_fen
    completers = place.state.completers(campaign_id, place.source_shard)
    paid_count = len(completers.person_ids)
    owed_fen = divided.division.shard_fen(place.source_shard)
    first = not completers.decided
    event = place.event(reported_fen=owed_fen if first else 0)
    if owed_fen:
        _expect_funded(place, divided, completers)
        paid_count = min(paid_count, completers.paid_count + payout_batch)
        person_ids = completers.person_ids[completers.paid_count : paid_count]
        luck_classes = completers.luck_classes[completers.paid_count : paid_count]
        event.position.more = paid_count < len(completers.person_ids)
        prizes = Winnings(
            debit_account_id=accounts.pool_share(campaign_id, place.source_shard),
            hold_id=_hold_id(campaign_id),
            sponsor_id=divided.sponsor_id,
            campaign_id=campaign_id,
            code=pb.TRANSFER_CODE_POOL_PRIZE,
            person_ids=person_ids,
            amounts_fen=divided.division.amounts_fen(luck_classes, len(person_ids)),
        )
        pay(place, event, prizes)
    event.pool_shares_paid.campaign_id = campaign_id
    event.pool_shares_paid.cards_shard = place.source_shard
    event.pool_shares_paid.paid_count = paid_count
    event.pool_shares_paid.share_fen = share_fen
    return place.checked(event)


def _hold_id(campaign_id: str) -> str:
    return f"{campaign_id}.pool"


def _expect_funded(place: FeedPlace, divided: DividedPool, completers: Completers) -> None:
    account_id = accounts.pool_share(divided.campaign_id, place.source_shard)
    account = place.state.ledger.account(account_id)
    if account is None:
        raise place.funds_in_transit(account_id)
    unpaid = len(completers.person_ids) - completers.paid_count
    due_fen = divided.division.worth_fen(completers.luck_classes[completers.paid_count :], unpaid)
    place.expect(
        account.balance_fen == due_fen, f"{account_id} holds {account.balance_fen} fen, {due_fen} fen are due"
    )
