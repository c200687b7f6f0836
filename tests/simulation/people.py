"""What must be true of winnings whatever is known of people, told from settlement's journals alone."""

from __future__ import annotations

from collections import Counter

from hongbao.settlement.v1 import events_pb2 as pb
from tests.simulation.disk import Written
from tests.simulation.processes import SKEW_MS_MAX, WAITING_MS

Winnings = tuple[int, str]
"""A person, and the round or pool that they won something of."""


class PeopleRules:
    """Follows settlement's journals and raises AssertionError at the first record that may not be."""

    def __init__(self) -> None:
        self.merged: dict[int, int] = {}
        """Who provisional people turned out to be."""
        self.returned: dict[Winnings, int] = {}
        """What went back to its sponsor, fen, by who had won it."""
        self.duplicates: set[Winnings] = set()
        """Those of them that went back because their person was paid already."""
        self.waited: dict[Winnings, tuple[int, int]] = {}
        """All that ever waited, by who had won it: how much, fen, and since when."""
        self._paid: Counter[Winnings] = Counter()

    def real(self, person_id: int) -> int:
        """Who somebody turned out to be."""
        return self.merged.get(person_id, person_id)

    def kept_fen(self, winner: int, hold_id: str, amount_fen: int) -> int:
        """What the winner's person has of what was won."""
        return amount_fen - self.returned.get((winner, hold_id), 0)

    def follow(self, written: Written) -> None:
        """Takes a record in."""
        event: pb.SettlementEvent = written.event
        if event.WhichOneof("fact") == "person" and event.person.HasField("merged"):
            self.merged[event.person.merged.provisional_person_id] = event.person.merged.person_id
        for columns in event.wallet_credits:
            self._follow_columns(columns, written.record.time_ms)
        for transfer in event.transfers:
            self._follow_transfer(transfer, written.record.time_ms)

    def check(self) -> None:
        """Nobody is paid twice, whoever they turn out to be."""
        twice = [winnings for winnings, count in self._paid.items() if count > 1]
        assert not twice, f"{twice} were paid twice"

    def check_at_rest(self) -> None:
        """What went back as a duplicate was one: its person has, or had, something of the same."""
        for winner, hold_id in self.duplicates:
            person_id = self.real(winner)
            others = (self._paid[person_id, hold_id], (person_id, hold_id) in self.returned)
            assert any(others), f"{person_id} got nothing of {hold_id}, and {winner}'s part went back"

    def _follow_columns(self, columns: pb.WalletCredits, time_ms: int) -> None:
        code, hold_id, _ = columns.debit_account_id.split(":")
        hold_id = f"{hold_id}.pool" if code == "pool_share" else hold_id
        for person_id, amount_fen in zip(columns.person_ids, columns.amounts_fen, strict=True):
            if columns.waiting_hold_id:
                assert columns.waiting_hold_id == hold_id
                self.waited[person_id, hold_id] = amount_fen, time_ms
            else:
                assert person_id not in self.merged, "nobody pays a person who is somebody else"
                self._paid[person_id, hold_id] += 1

    def _follow_transfer(self, transfer: pb.Transfer, time_ms: int) -> None:
        if not transfer.HasField("waiting") or not transfer.debit_account_id.startswith("waiting:"):
            return
        winnings = (transfer.waiting.origin_person_id, transfer.hold_id)
        if transfer.code == pb.TRANSFER_CODE_WAITING_PAID:
            self._paid[transfer.waiting.person_id, transfer.hold_id] += 1
        elif transfer.code != pb.TRANSFER_CODE_WAITING_MERGED:
            assert winnings not in self.returned, "winnings go back once"
            self.returned[winnings] = transfer.amount_fen
        if transfer.code == pb.TRANSFER_CODE_WAITING_DUPLICATE:
            self.duplicates.add(winnings)
        if transfer.code == pb.TRANSFER_CODE_WAITING_EXPIRED:
            _, since_ms = self.waited[winnings]
            # Time goes on with the next owner's clock, which may be another one.
            assert time_ms - since_ms > WAITING_MS - 2 * SKEW_MS_MAX, "nothing goes back before its time"
