"""A shard's state: the fold of its journal into ledger and registers."""

from __future__ import annotations

from collections.abc import Callable

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.timestamps import milliseconds
from services.settlement.domain import accounts
from services.settlement.domain.accounts import AccountCode, code_of
from services.settlement.domain.chapters import Chapter
from services.settlement.domain.disputes.chapter import Disputes
from services.settlement.domain.events import batch_of, divided_of, hold_of, wallet_hold_of
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.leftovers import Leftovers
from services.settlement.domain.people import People
from services.settlement.domain.registers import Completers, Registers
from services.settlement.domain.requested import RequestedTransfers
from services.settlement.domain.snapshot import freeze_snapshot, read_snapshot
from services.settlement.domain.transfers import TransferCode, TransferId, Verdict
from services.settlement.domain.waiting import Waiting
from services.settlement.domain.withdrawals.book import Withdrawals

_RETURNS = frozenset(
    {
        TransferCode.ROUND_RETURN,
        TransferCode.POOL_RETURN,
        TransferCode.WAITING_EXPIRED,
        TransferCode.WAITING_DUPLICATE,
    }
)


class SettlementState:
    """Ledger and registers of one shard. Changes only by `apply`."""

    def __init__(self, shard: int, shard_count: int, *, everybody: bool = True) -> None:
        """`everybody`: see `People`."""
        self.shard = shard
        self.shard_count = shard_count
        self.ledger = Ledger()
        self.registers = Registers()
        self.people = People(everybody=everybody)
        self.requested = RequestedTransfers(self.ledger)
        self.disputes = Disputes(self.ledger)
        self.withdrawals = Withdrawals(self.ledger, self.people)
        self.waiting = Waiting(self.people, self.ledger)
        self.chapters: tuple[Chapter, ...] = (
            self.requested,
            self.people,
            self.waiting,
            self.disputes,
            self.withdrawals,
        )

    def apply(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:
        """Folds one event in. Events are checked before they are committed, so each must apply whole."""
        verdict = self.ledger.post(batch_of(event))
        assert verdict.created, f"event {seq} of shard {self.shard} does not apply: {verdict}"
        for transfer in event.transfers:
            if TransferCode(transfer.code) in _RETURNS:
                self._note_return(transfer)
            elif transfer.code == pb.TRANSFER_CODE_LEFTOVER:
                self._note_leftover(transfer)
        self._note_fact(event)
        self._note_wallet_hold(time_ms, event)
        for chapter in self.chapters:
            chapter.note(seq, time_ms, event)

    def check(self, event: pb.SettlementEvent) -> Verdict:
        """Whether an event may be committed."""
        return self.ledger.check(batch_of(event))

    def snapshot(self) -> bytes:
        """See `ShardState.snapshot`."""
        return self.freeze()()

    def freeze(self) -> Callable[[], bytes]:
        """See `FreezableState.freeze`."""
        return freeze_snapshot(self.shard, self.ledger, self.registers, self.chapters)

    def restore(self, state: bytes) -> None:
        """See `ShardState.restore`. Raises ValueError for another shard's snapshot."""
        shard = read_snapshot(state, self.ledger, self.registers, self.chapters)
        if shard != self.shard:
            raise ValueError(f"a snapshot of shard {shard} cannot restore shard {self.shard}")

    def completers(self, campaign_id: str, cards_shard: int) -> Completers:
        """Who has completed, an empty register when nobody has."""
        return self.registers.completers.get((campaign_id, cards_shard)) or Completers()

    def leftovers(self, account_id: str) -> Leftovers:
        """What moved between an escrow and others of its round; nothing for those that took no part."""
        return self.registers.leftovers.get(account_id) or Leftovers()

    def keeps(self, account_id: str) -> bool:
        """Whether the account lives on this shard."""
        return accounts.shard_of_account(account_id, self.shard_count) == self.shard

    def _note_return(self, transfer: pb.Transfer) -> None:
        # Only where it arrives: the first half of a return between shards is not there yet.
        if code_of(transfer.credit_account_id) is AccountCode.SPONSOR:
            returned_fen = self.registers.returned_fen
            returned_fen[transfer.hold_id] = returned_fen.get(transfer.hold_id, 0) + transfer.amount_fen

    def _note_leftover(self, transfer: pb.Transfer) -> None:
        # Between shards each half is noted where its escrow is.
        leftovers = self.registers.leftovers
        if code_of(transfer.debit_account_id) is AccountCode.ESCROW:
            leftovers.setdefault(transfer.debit_account_id, Leftovers()).sent_fen += transfer.amount_fen
        if code_of(transfer.credit_account_id) is AccountCode.ESCROW:
            leftovers.setdefault(transfer.credit_account_id, Leftovers()).arrived_fen += transfer.amount_fen

    def _note_fact(self, event: pb.SettlementEvent) -> None:
        match event.WhichOneof("fact"):
            case "hold_created":
                hold = hold_of(event.hold_created)
                self.registers.holds[hold.hold_id] = hold
            case "hold_part_closed":
                closed = event.hold_part_closed
                account_id = accounts.escrow(closed.hold_id, closed.part)
                self.ledger.close(account_id)
                self.registers.leftovers.pop(account_id, None)
            case "leftovers_announced":
                announced = event.leftovers_announced
                account_id = accounts.escrow(announced.hold_id, announced.part)
                leftovers = self.registers.leftovers.setdefault(account_id, Leftovers())
                leftovers.announced_fen += announced.amount_fen
            case "set_recorded":
                recorded = event.set_recorded
                self._all_completers(recorded.campaign_id, recorded.cards_shard).add(
                    [recorded.person_id], b""
                )
            case "sets_recorded":
                sets = event.sets_recorded
                completers = self._all_completers(sets.campaign_id, sets.cards_shard)
                completers.add(sets.person_ids, sets.luck_classes)
            case "set_taken_back":
                undone = event.set_taken_back
                self._all_completers(undone.campaign_id, undone.cards_shard).take_back(undone.person_id)
            case "pool_divided":
                divided = divided_of(event.pool_divided)
                self.registers.pools[divided.campaign_id] = divided
                self.ledger.close(accounts.pool(divided.campaign_id))
            case "pool_shares_paid":
                self._note_payment(event.pool_shares_paid, more=event.position.more)

    def _note_wallet_hold(self, time_ms: int, event: pb.SettlementEvent) -> None:
        holds = self.registers.wallet_holds
        match event.WhichOneof("fact"):
            case "wallet_hold_created":
                holds.add(wallet_hold_of(event.wallet_hold_created))
            case "wallet_hold_ended":
                ended = event.wallet_hold_ended
                holds.end(ended.envelope_id, ended.person_id, milliseconds(ended.hold_ends_at))
                self.ledger.close(accounts.envelope(ended.envelope_id))
            case _:
                return
        # By the time on record, so that replay forgets the same.
        for envelope_id in holds.forget(time_ms):
            account_id = accounts.envelope(envelope_id)
            self.ledger.forget(account_id, TransferId(account_id))

    def _all_completers(self, campaign_id: str, cards_shard: int) -> Completers:
        return self.registers.completers.setdefault((campaign_id, cards_shard), Completers())

    def _note_payment(self, paid: pb.PoolSharesPaid, *, more: bool) -> None:
        completers = self._all_completers(paid.campaign_id, paid.cards_shard)
        assert completers.paid_count <= paid.paid_count <= len(completers.person_ids), "payment goes forward"
        completers.paid_count = paid.paid_count
        completers.decided = True
        if not more:
            self.ledger.close(accounts.pool_share(paid.campaign_id, paid.cards_shard))
