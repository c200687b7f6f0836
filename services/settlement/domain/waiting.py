"""Winnings that wait: of people who are not verified, and of those who turned out to be somebody else.

Each item is one person's winnings of one round or pool. It leaves in one of four ways: it is paid, because
the person is verified; it goes on to the person whom its winner turned out to be; it goes back to its sponsor
as nobody was verified in time; or it goes back because that person was paid for the same round or pool.
What is to be done with an item follows from what is known of its person.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import person_events_pb2 as persons_pb
from services.mesh.timestamps import milliseconds, timestamp
from services.settlement.domain.accounts import AccountCode, code_of, person_of
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.people import People
from services.settlement.domain.shard_books import WaitingTotal
from services.settlement.domain.transfers import TransferId
from services.settlement.domain.waiting_items import (
    ItemKey,
    WaitingItem,
    item_messages,
    item_of,
    person_of_waiting,
)

_ITEM_CODES = frozenset(
    {
        pb.TRANSFER_CODE_WAITING_PAID,
        pb.TRANSFER_CODE_WAITING_EXPIRED,
        pb.TRANSFER_CODE_WAITING_MERGED,
        pb.TRANSFER_CODE_WAITING_DUPLICATE,
    }
)
_RULED = frozenset({AccountCode.ESCROW, AccountCode.POOL, AccountCode.POOL_SHARE})
"""Accounts whose money brings the rule for its winnings along."""
_HEAP_SLACK = 1024
"""Entries of items that have ended which a heap may keep, beside as many as there are items."""


class Waiting:
    """A shard's chapter on winnings that wait."""

    def __init__(self, people: People, ledger: Ledger) -> None:
        self.items: dict[ItemKey, WaitingItem] = {}
        self.payable: dict[ItemKey, None] = {}
        """Those of verified persons, in the order in which they became so."""
        self.forwardable: dict[ItemKey, None] = {}
        """Those of provisional persons who turned out to be somebody else."""
        self.undecided: dict[ItemKey, None] = {}
        """Those that came to a person because somebody else turned out to be them."""
        self.merged_wallets: dict[int, None] = {}
        """Provisional persons who turned out to be somebody else, and have something in their wallets."""
        self._people = people
        self._ledger = ledger
        self._by_person: dict[int, list[ItemKey]] = {}
        self._rules: dict[str, int] = {}
        """Until when winnings wait, milliseconds since the Unix epoch, by hold."""
        self._ruled: list[tuple[int, ItemKey]] = []
        """Heap of items that wait by a rule: until when."""
        self._unruled: list[tuple[int, ItemKey]] = []
        """Heap of items that wait as long as the setting says: since when."""
        self._merged_payouts: dict[tuple[int, str], None] = {}
        """Persons and holds of which they were paid what somebody else had won who turned out to be them."""

    def of_person(self, person_id: int) -> list[WaitingItem]:
        """Everything that waits in a person's accounts."""
        return [self.items[key] for key in self._by_person.get(person_id, ())]

    def total(self) -> WaitingTotal:
        """What all of it comes to, summed anew."""
        items = self.items.values()
        return WaitingTotal(
            len(items),
            sum(item.amount_fen for item in items),
            min((item.since_ms for item in items), default=0),
        )

    def waits_until_ms(self, hold_id: str) -> int:
        """Until when winnings of a hold wait, by its rule; 0 where there is none."""
        return self._rules.get(hold_id, 0)

    def was_paid(self, person_id: int, hold_id: str) -> bool:
        """Whether the person was paid what somebody else had won who turned out to be them."""
        return (person_id, hold_id) in self._merged_payouts

    def take_expired(self, ruled_before_ms: int, unruled_before_ms: int, count: int) -> list[WaitingItem]:
        """Items that have waited long enough, the longest first, at most `count`.

        Those with a rule until before the first moment, those without one since before the second. Whoever
        takes them ends them, or gives them back (`put_back`).
        """
        taken: list[WaitingItem] = []
        for heap, before_ms in ((self._ruled, ruled_before_ms), (self._unruled, unruled_before_ms)):
            while heap and heap[0][0] < before_ms and len(taken) < count:
                item = self._of_entry(heapq.heappop(heap))
                if item is not None:
                    taken.append(item)
        return taken

    def put_back(self, items: Iterable[WaitingItem]) -> None:
        """Lets items come up again that could not be ended, after the others."""
        for item in items:
            for worklist in (self.payable, self.forwardable, self.undecided):
                worklist.pop(item.key, None)
            self._sort(item)

    def put_back_wallet(self, provisional: int) -> None:
        """Lets a merged person's wallet come up again that could not be sent on, after the others."""
        self.merged_wallets.pop(provisional, None)
        self._note_merged_wallet(provisional)

    def note(self, seq: int, time_ms: int, event: pb.SettlementEvent) -> None:  # noqa: ARG002 - see `Chapter`
        """See `Chapter.note`."""
        for columns in event.wallet_credits:
            if columns.waiting_hold_id:
                self._note_columns(columns, time_ms)
        for transfer in event.transfers:
            self._note_transfer(transfer, called=not event.HasField("position"))
        if event.WhichOneof("fact") == "person":
            self._note_person(event.person)

    def freeze(self) -> Callable[[pb.ShardSnapshot], None]:
        """See `Chapter.freeze`."""
        items = list(self.items.values())
        rules = list(self._rules.items())
        payouts = list(self._merged_payouts)

        def write(snapshot: pb.ShardSnapshot) -> None:
            waiting_now = snapshot.waiting
            waiting_now.items.extend(item_messages(items))
            for hold_id, until_ms in rules:
                waiting_now.rules.add(hold_id=hold_id, waits_until_at=timestamp(until_ms))
            for person_id, hold_id in payouts:
                waiting_now.merged_payouts.add(person_id=person_id, hold_id=hold_id)

        return write

    def restore(self, snapshot: pb.ShardSnapshot) -> None:
        """See `Chapter.restore`. People and ledger are restored before."""
        kept = snapshot.waiting
        self._rules.update((rule.hold_id, milliseconds(rule.waits_until_at)) for rule in kept.rules)
        for payout in kept.merged_payouts:
            self._merged_payouts[payout.person_id, payout.hold_id] = None
        for row in kept.items:
            self._add(item_of(row.ticket, row.hold_id, row.campaign_id, row.sponsor_id, row.amount_fen))
        for provisional in self._people.merges:
            self._note_merged_wallet(provisional)

    def _note_columns(self, columns: pb.WalletCredits, time_ms: int) -> None:
        hold_id = columns.waiting_hold_id
        for person_id, amount_fen in zip(columns.person_ids, columns.amounts_fen, strict=True):
            self._add(
                WaitingItem(
                    ItemKey(person_id, hold_id, person_id),
                    columns.campaign_id,
                    columns.waiting_sponsor_id,
                    amount_fen,
                    time_ms,
                    self._rules.get(hold_id, 0),
                )
            )

    def _note_transfer(self, transfer: pb.Transfer, *, called: bool) -> None:
        if transfer.code in _ITEM_CODES:
            self._note_item(transfer)
        elif transfer.code == pb.TRANSFER_CODE_WALLET_MERGED:
            self._note_sent_on(transfer)
        else:
            self._note_other(transfer)
            return
        if called:
            # The item, or the count, is what makes it happen once; no call can ask for it again.
            self._ledger.digests.pop(TransferId(transfer.transfer_id), None)

    def _note_item(self, transfer: pb.Transfer) -> None:
        ticket = transfer.waiting
        if code_of(transfer.debit_account_id) is AccountCode.WAITING:
            person_id = person_of_waiting(transfer.debit_account_id)
            item = self._drop(ItemKey(person_id, transfer.hold_id, ticket.origin_person_id))
            assert item.amount_fen == transfer.amount_fen, "an item leaves whole"
            if transfer.code == pb.TRANSFER_CODE_WAITING_PAID and item.is_merged:
                self._merged_payouts[person_id, transfer.hold_id] = None
        if code_of(transfer.credit_account_id) is AccountCode.WAITING:
            self._add(
                item_of(
                    ticket, transfer.hold_id, transfer.campaign_id, transfer.sponsor_id, transfer.amount_fen
                )
            )

    def _note_other(self, transfer: pb.Transfer) -> None:
        if transfer.HasField("winnings_wait_until_at") and code_of(transfer.credit_account_id) in _RULED:
            self._rules[transfer.hold_id] = milliseconds(transfer.winnings_wait_until_at)
        if self._people.merges:
            person_id = person_of(transfer.credit_account_id)
            if person_id is not None and person_id in self._people.merges:
                self._note_merged_wallet(person_id)

    def _note_sent_on(self, transfer: pb.Transfer) -> None:
        provisional = person_of(transfer.debit_account_id)
        if provisional is not None:
            self._people.merges[provisional].sent_on += 1
            self._note_merged_wallet(provisional)

    def _note_person(self, person: persons_pb.PersonEvent) -> None:
        match person.WhichOneof("event"):
            case "known":
                self._sort_again(person.known.person_id)
            case "merged":
                self._sort_again(person.merged.provisional_person_id)
                self._note_merged_wallet(person.merged.provisional_person_id)

    def _note_merged_wallet(self, provisional: int) -> None:
        if self._ledger.wallets.get(provisional, 0):
            self.merged_wallets[provisional] = None
        else:
            self.merged_wallets.pop(provisional, None)

    def _add(self, item: WaitingItem) -> None:
        before = self.items.get(item.key)
        if before is None:
            self._by_person.setdefault(item.key.person_id, []).append(item.key)
        else:
            # Two columns may credit the same person; the first says since when.
            amount_fen = before.amount_fen + item.amount_fen
            item = WaitingItem(
                item.key, item.campaign_id, item.sponsor_id, amount_fen, before.since_ms, item.waits_until_ms
            )
        self.items[item.key] = item
        self._sort(item)

    def _drop(self, key: ItemKey) -> WaitingItem:
        item = self.items.pop(key)
        of_person = self._by_person[key.person_id]
        of_person.remove(key)
        if not of_person:
            del self._by_person[key.person_id]
        for worklist in (self.payable, self.forwardable, self.undecided):
            worklist.pop(key, None)
        # Totals keep what moved through it, and nothing else may ever ask for it.
        if not self._ledger.balance_fen(item.account_id):
            self._ledger.accounts.pop(item.account_id, None)
        return item

    def _sort_again(self, person_id: int) -> None:
        for key in self._by_person.get(person_id, ()):
            self._sort(self.items[key])

    def _sort(self, item: WaitingItem) -> None:
        key = item.key
        if item.is_merged:
            self.undecided[key] = None
        elif key.person_id in self._people.merges:
            self.forwardable[key] = None
        elif key.person_id in self._people.verified:
            self.payable[key] = None
        elif item.waits_until_ms:
            heapq.heappush(self._ruled, (item.waits_until_ms, key))
            self._compact(self._ruled)
        else:
            heapq.heappush(self._unruled, (item.since_ms, key))
            self._compact(self._unruled)

    def _of_entry(self, entry: tuple[int, ItemKey]) -> WaitingItem | None:
        """The item of a heap's entry; None when it has ended, or waits for no moment any more."""
        at_ms, key = entry
        item = self.items.get(key)
        if item is None or at_ms != (item.waits_until_ms or item.since_ms):
            return None
        return None if key in self.payable or key in self.forwardable else item

    def _compact(self, heap: list[tuple[int, ItemKey]]) -> None:
        """Drops entries of items that have ended, once they are most of a heap."""
        if len(heap) > _HEAP_SLACK + 2 * len(self.items):
            heap[:] = [entry for entry in heap if self._of_entry(entry) is not None]
            heapq.heapify(heap)
