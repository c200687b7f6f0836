"""What happens to shards whatever is played on them: time, feeds, the disk, crashes, expiry and the seal.

The shards' journals are lists of serialised records. A crash takes from a shard everything that was not made
durable and rebuilds it, from a snapshot where there is one. Other shards only ever see durable records.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.cards.domain.events import Change, FeedPosition, FeedSkipped, GamePrepared
from services.cards.domain.exchanges.ending import decide_expiry
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesOpened
from services.cards.domain.exchanges.following import follow_exchanges
from services.cards.domain.placement import shard_of_person
from services.cards.domain.sets.rules import decide_seal
from services.cards.domain.vocabulary import CARDS, PersonId
from tests.unit.cards.disks import Disk, new_disk
from tests.unit.cards.finger_count import FingerCount
from tests.unit.cards.games import DEADLINE_MS, OPENS_MS

SHARDS = 2
PERSONS = [PersonId(number) for number in range(1, 7)]

ENOUGH_RECORDS = 35
"""Of which a game is made that is worth closing."""

persons = st.sampled_from(PERSONS)
shards = st.integers(0, SHARDS - 1)


class ShardRules(RuleBasedStateMachine):
    """Two shards of one game. Each kind of machine calls `start` first."""

    def start(self, parts: Sequence[GamePrepared]) -> None:
        self.now_ms = OPENS_MS
        self.disks = [new_disk(number) for number in range(SHARDS)]
        for part, disk in zip(parts, self.disks, strict=True):
            disk.commit(Change(part))
            disk.flush()

    def disk_of(self, person: PersonId) -> Disk:
        return self.disks[shard_of_person(person, SHARDS)]

    @rule(seconds=st.sampled_from([1, 5, 25]))
    def wait(self, seconds: int) -> None:
        self.now_ms += seconds * 1000

    @rule(shard=shards, batch=st.integers(1, 30), is_durable=st.booleans())
    def read_feed(self, shard: int, batch: int, is_durable: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        other = 1 - shard
        if is_durable:
            self.disks[other].flush()
        disk, source = self.disks[shard], f"cards/{other}"
        cursor = disk.state.positions.get(source, 0)
        new = self.disks[other].changes(durable_only=True)[cursor : cursor + batch]
        sent = [
            (seq, change.event)
            for seq, change in enumerate(new, start=cursor + 1)
            if isinstance(change.event, ExchangesOpened | ExchangesEnded)
        ]
        if new:
            event = follow_exchanges(disk.state, sent) or FeedSkipped()
            disk.commit(Change(event, FeedPosition(source, cursor + len(new))))

    @rule(shard=shards, batch=st.integers(1, 3))
    def expire(self, shard: int, batch: int) -> None:
        disk = self.disks[shard]
        if not disk.game.is_sealed:
            ended = decide_expiry(disk.game, self.now_ms, batch)
            if ended is not None:
                disk.commit(Change(ended))

    @rule(shard=shards, batch=st.integers(1, 3), is_whole=st.booleans())
    @precondition(lambda self: self.now_ms >= DEADLINE_MS)
    def seal(self, shard: int, batch: int, is_whole: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """All that waits ends before; a crash may come between any two batches of that."""
        disk, goes_on = self.disks[shard], True
        while goes_on and not disk.game.is_sealed:
            ended = decide_expiry(disk.game, self.now_ms, batch)
            disk.commit(Change(ended or decide_seal(disk.game, self.now_ms)))
            goes_on = is_whole

    @rule(batch=st.integers(1, 3))
    @precondition(lambda self: sum(len(disk.records) for disk in self.disks) > ENOUGH_RECORDS)
    def close(self, batch: int) -> None:
        """The deadline passes, and all shards are sealed."""
        self.now_ms = max(self.now_ms, DEADLINE_MS)
        for shard in range(SHARDS):
            self.seal(shard, batch, True)
            self.disks[shard].flush()

    @rule(shard=shards)
    def reach_the_disk(self, shard: int) -> None:
        self.disks[shard].flush()

    @rule(shard=shards)
    def keep_a_snapshot(self, shard: int) -> None:
        self.disks[shard].keep_snapshot()

    @rule(shard=shards, is_moved=st.booleans())
    def crash(self, shard: int, is_moved: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """A shard that moves has a snapshot of its last moment."""
        if is_moved:
            self.keep_a_snapshot(shard)
        self.disks[shard].crash()
        self.forget(shard)

    def forget(self, shard: int) -> None:
        """What a shard's owner only remembers went with the crash."""

    def count(self) -> FingerCount:
        """All cards and exchanges, from the journals."""
        count = FingerCount(SHARDS)
        for number, disk in enumerate(self.disks):
            for change in disk.changes():
                count.see(number, change)
        count.arrive()
        return count

    @invariant()
    def every_card_is_in_exactly_one_place_and_no_limit_is_passed(self) -> None:
        self.check(self.count())
        for disk in self.disks:
            disk.game.check()

    def check(self, count: FingerCount) -> None:
        """Compares the shards with what fingers have counted."""
        prepared = self.disks[0].game.prepared
        count.check_places()
        count.check_supply(prepared.supply, prepared.deals_per_day_max)
        for person in PERSONS:
            assert self.disk_of(person).game.holdings.hand_of(person) == count.hand_of(person)
        for card in CARDS:
            offered = sum(disk.game.exchanges.offered[card - 1] for disk in self.disks)
            assert offered == count.offered[card]

    def went_well(self) -> bool:
        """Whether there is a game to bring to its end: a failed step is better told alone."""
        return hasattr(self, "disks") and sys.exc_info()[0] is None

    def teardown(self) -> None:
        """However it went, the game comes to its end, and every card to a hand or into a set."""
        if not self.went_well():
            return
        self.close(3)
        for shard in range(SHARDS):
            self.read_feed(shard, 1_000, True)
        count = self.count()
        self.check(count)
        assert not count.on_the_way
        assert not any(count.offered.values())
