"""Shards on which persons turn out to be others: journals as lists, feeds between them, and crashes.

Cards do not come from the supply here but from afar, as hands that arrive: all of this begins with cards in
hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.cards.adapters.state import CardsState
from services.cards.domain.events import Change, FeedPosition, FeedSkipped, SetsCompleted
from services.cards.domain.exchanges.ending import decide_expiry
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.following import follow_exchanges
from services.cards.domain.people.events import ArrivedHand, HandsArrived, HandsMoved, Merge, MovedHand
from services.cards.domain.people.moving import pass_on, take_back, take_in
from services.cards.domain.people.rules import decide_merges
from services.cards.domain.placement import owns_column, shard_of_person
from services.cards.domain.sets.rules import CompletionOutcome, decide_completions, decide_seal
from services.cards.domain.vocabulary import CARDS, PersonId, ShareMode
from tests.unit.cards.disks import Disk
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS, PLENTY, SPRING, a_part

SHARDS = 4
FROM_AFAR = PersonId(999)
A_SET = (1,) * len(CARDS)


def shard_of(person_id: PersonId) -> int:
    return shard_of_person(person_id, SHARDS)


def person_of(shard: int, number: int) -> PersonId:
    """The person of that number, from 0, among those of a shard."""
    return [PersonId(person) for person in range(1, 200) if shard_of(PersonId(person)) == shard][number]


@dataclass
class FollowingDisk(Disk):
    """Its owner remembers how far feeds were read, beside what is on record."""

    cursors: dict[str, int] = field(default_factory=dict)

    def crash(self) -> None:
        self.cursors.clear()
        super().crash()


class MergingWorld:
    """One game on all shards, and what identity has told so far."""

    def __init__(self, share_mode: ShareMode = ShareMode.EQUAL) -> None:
        self.now_ms = OPENS_MS
        self.told: list[Merge] = []
        """Identity's feed."""
        self.disks = [FollowingDisk(CardsState(number)) for number in range(SHARDS)]
        for number, disk in enumerate(self.disks):
            disk.commit(Change(a_part(PLENTY, number, share_mode)))
            disk.flush()

    def disk_of(self, person: PersonId) -> FollowingDisk:
        return self.disks[shard_of(person)]

    def give_set(self, person: PersonId) -> None:
        """One of each card comes from afar."""
        hand = MovedHand(SPRING, FROM_AFAR, person, shard_of(person), A_SET)
        self.disk_of(person).commit(Change(HandsArrived((ArrivedHand(hand, 1, is_second_set=False),))))

    def complete(self, person: PersonId) -> CompletionOutcome:
        disk = self.disk_of(person)
        decision = decide_completions(disk.game, [person], self.now_ms, owns_column(shard_of(person), SHARDS))
        if decision.completed is not None:
            disk.commit(Change(decision.completed))
        return CompletionOutcome(decision.outcomes[0])

    def merge(self, person: PersonId, into: PersonId) -> None:
        """Identity tells everybody, who may hear it later."""
        self.told.append(Merge(person, into))

    def read_identity(self, shard: int, batch: int = 1_000, *, passes_on: bool = True) -> None:
        """As the sink does; without passing on it is as if the owner had crashed in between."""
        disk, source = self.disks[shard], "identity/0"
        cursor = disk.state.positions.get(source, 0)
        new = self.told[cursor : cursor + batch]
        if new:
            merged = decide_merges(disk.state, new, shard_of)
            disk.commit(Change(merged or FeedSkipped(), FeedPosition(source, cursor + len(new))))
            if passes_on:
                pass_on(disk, [merge.person_id for merge in new], self.now_ms, shard_of)

    def keep(self, shard: int) -> None:
        """As the keeper does."""
        disk = self.disks[shard]
        pass_on(disk, list(disk.state.merged), self.now_ms, shard_of)

    def read_peer(self, shard: int, other: int, batch: int = 1_000) -> int:
        """Applies what is durable of another shard; how many records that was."""
        disk, source = self.disks[shard], f"cards/{other}"
        cursor = max(disk.cursors.get(source, 0), disk.state.positions.get(source, 0))
        new = self.disks[other].changes(durable_only=True)[cursor : cursor + batch]
        for seq, change in enumerate(new, start=cursor + 1):
            self._apply(disk, source, seq, change)
        return len(new)

    def _apply(self, disk: FollowingDisk, source: str, seq: int, change: Change) -> None:
        match change.event:
            case HandsMoved() as moved:
                take_in(disk, FeedPosition(f"hands/{source.partition('/')[2]}", seq), moved)
            case HandsArrived() as arrived:
                take_back(disk, arrived, self.now_ms, shard_of)
            case ExchangesOpened() | ExchangesEnded() as exchanges:
                followed = follow_exchanges(disk.state, [(seq, exchanges)])
                if followed is not None:
                    disk.commit(Change(followed, FeedPosition(source, seq)))
            case _:
                pass
        disk.cursors[source] = seq

    def seal(self, shard: int) -> None:
        self.now_ms = max(self.now_ms, DEADLINE_MS)
        disk = self.disks[shard]
        if not disk.game.is_sealed:
            expired = decide_expiry(disk.game, self.now_ms, 1_000)
            if expired is not None:
                disk.commit(Change(expired))
            disk.commit(Change(decide_seal(disk.game, self.now_ms)))

    def calm_down(self) -> None:
        """Everything that is under way arrives."""
        for _ in range(20):
            before = [len(disk.records) for disk in self.disks]
            for shard, disk in enumerate(self.disks):
                self.read_identity(shard)
                self.keep(shard)
                disk.flush()
            for shard in range(SHARDS):
                for other in range(SHARDS):
                    if other != shard:
                        self.read_peer(shard, other)
            if before == [len(disk.records) for disk in self.disks]:
                return
        raise AssertionError("it goes round and round")

    def completers(self, *, durable_only: bool = False) -> list[PersonId]:
        """Whose sets count, from the journals."""
        counted: list[PersonId] = []
        for disk in self.disks:
            for change in disk.changes(durable_only=durable_only):
                if isinstance(change.event, SetsCompleted):
                    counted.extend(map(PersonId, change.event.person_ids))
                elif hasattr(change.event, "person_id"):
                    counted.remove(change.event.person_id)
        return counted

    def in_transit(self) -> Sequence[int]:
        """Cards on their way between these shards, by kind."""
        came = sum(
            arrived.hand.from_person_id == FROM_AFAR
            for disk in self.disks
            for change in disk.changes()
            if isinstance(change.event, HandsArrived)
            for arrived in change.event.hands
        )
        sent = [sum(disk.game.transit.sent[index] for disk in self.disks) for index in range(len(CARDS))]
        got = [sum(disk.game.transit.received[index] for disk in self.disks) for index in range(len(CARDS))]
        return [one + came - other for one, other in zip(sent, got, strict=True)]
