"""A settlement service whose shards read the feed of people, and what is true elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator, Sequence
from typing import Any, TypeVar

from google.protobuf.message import Message

from hongbao.allocation.v1 import envelope_events_pb2 as envelopes
from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.identity.v1 import events_pb2 as identity
from hongbao.identity.v1 import identity_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.clock import ManualClock
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.effects import sources_of
from services.settlement.domain.envelopes import create_wallet_hold
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from services.settlement.domain.state import SettlementState
from services.settlement.domain.wallet_holds import WalletHold
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.waiting_keeper import WaitingKeeper
from tests.unit.settlement.world import CAMPAIGN, ROUND, SPONSOR, World, persons

SHARDS, PARTS = 2, 4
DAY_MS = 86_400_000
WAITING_DAYS, GRACE_MS = 30, 1_000
PART = 1
KNOWN, GUEST, OTHER = persons(PART, PARTS, 3)
FAR = persons(0, PARTS, 1)[0]
"""A person of another settlement shard than the others."""
WAITS_MS = WAITING_DAYS * DAY_MS
T = TypeVar("T")
_SUBJECTS = {
    "person_verified": "person_id",
    "tier_changed": "person_id",
    "persons_merged": "provisional_person_id",
    "card_bound": "person_id",
    "card_unbound": "person_id",
}


class PeopleWorld(World):
    def __init__(self, payout_batch: int = 3, waiting_batch: int = 2) -> None:
        super().__init__(SHARDS, PARTS, PARTS, payout_batch)
        self.now_ms = 1_454_860_800_000
        self.times_ms: list[list[int]] = [[] for _ in range(SHARDS)]
        self.states = [SettlementState(shard, SHARDS, everybody=False) for shard in range(SHARDS)]
        self.feeds["identity/0"] = []
        self.packets = TrueStory()
        self.heard_ms: dict[int, int] = {}
        """Up to when shards have heard of people, where that is not now."""
        self.keeper = WaitingKeeper(
            self.packets,
            _News(self),
            _Clock(self),
            SettlementSettings(
                instance="test",
                settlement_shards=SHARDS,
                allocation_shards=PARTS,
                cards_shards=PARTS,
                waiting_batch=waiting_batch,
                waiting_ms=WAITING_DAYS * DAY_MS,
                waiting_grace_ms=GRACE_MS,
            ),
        )
        self._reader = 0

    # What identity finds out.

    def verify(self, person_id: int, tier: int = 1) -> None:
        value = identity_pb2.Tier.ValueType(tier)
        self.identity(
            identity.IdentityEvent(person_verified=identity.PersonVerified(person_id=person_id, tier=value))
        )

    def merge(self, provisional: int, person_id: int) -> None:
        merged = identity.PersonsMerged(provisional_person_id=provisional, person_id=person_id)
        self.identity(identity.IdentityEvent(persons_merged=merged))

    def identity(self, event: identity.IdentityEvent) -> None:
        self.feeds["identity/0"].append(event)

    # What happens at allocation.

    def packets_won(self, part: int, person_ids: Any, amounts_fen: Any, stock_id: str = ROUND) -> None:
        self.packets.won.update((stock_id, person_id) for person_id in person_ids)
        super().packets_won(part, person_ids, amounts_fen, stock_id)

    def stock_closed(
        self, part: int, won_fen: int, returned_fen: int, stock_id: str = ROUND, sponsor_id: int = SPONSOR
    ) -> None:
        self.packets.closed.add((stock_id, part))
        super().stock_closed(part, won_fen, returned_fen, stock_id, sponsor_id)

    def send(self, sender: int, receiver: int, amount_fen: int, number: int) -> None:
        """An envelope for one person, who claims it at once."""
        shard = shard_of(sender, SHARDS)
        envelope_id = persons(shard, SHARDS, number + 1)[-1]
        hold = WalletHold(envelope_id, sender, amount_fen, self.now_ms + DAY_MS)
        self.commit(shard, create_wallet_hold(self.states[shard], hold, self.now_ms))
        claimed = envelopes.ShareClaimed(
            envelope_id=envelope_id, person_id=receiver, amount_fen=amount_fen, last=True
        )
        event = allocation.AllocationEvent(envelope=envelopes.EnvelopeEvent(share_claimed=claimed))
        self.feeds[f"allocation/{shard_of(sender, PARTS)}"].append(event)

    # How it arrives.

    def sources(self, shard: int) -> tuple[str, ...]:
        return sources_of(
            shard, settlement_shards=SHARDS, allocation_shards=PARTS, cards_shards=PARTS, people=True
        )

    def deliver(self, shard: int, source: str, *, after_seq: int | None = None, records: int = 1000) -> int:
        self._reader = shard
        return super().deliver(shard, source, after_seq=after_seq, records=records)

    def feed(self, source: str) -> Sequence[Message]:
        if source != "identity/0":
            return super().feed(source)
        return [self._as_read(event) for event in self.feeds[source]]

    def tend(self, shard: int) -> bool:
        """One look at what waits."""
        return run_now(self.keeper.look(_OwnedShard(self, shard)))  # type: ignore[arg-type]  # all that it uses

    def settle(self) -> None:
        """Until nothing moves any more."""
        before = -1
        while before != (before := sum(map(len, self.journals))):
            self.deliver_all()
            for shard in range(SHARDS):
                while self.tend(shard):
                    pass

    # What a shard's owner does.

    def commit(self, shard: int, event: pb.SettlementEvent | None) -> None:
        if event is not None:
            payload = event.SerializeToString()
            self.journals[shard].append(payload)
            self.times_ms[shard].append(self.now_ms)
            applied = pb.SettlementEvent.FromString(payload)
            self.states[shard].apply(len(self.journals[shard]), self.now_ms, applied)

    def crash(self, shard: int, snapshot_seq: int = 0) -> None:
        before = self.states[shard].snapshot()
        state = self._folded(shard, 0, snapshot_seq, None)
        if snapshot_seq:
            self.states[shard] = self._folded(shard, snapshot_seq, None, state.snapshot())
        else:
            self.states[shard] = self._folded(shard, 0, None, None)
        assert self.states[shard].snapshot() == before, "the next owner knows what the last one knew"

    # What anyone can read.

    def wallet_fen(self, person_id: int) -> int:
        return self.balance_fen(f"wallet:{person_id}")

    def waiting_fen(self, person_id: int) -> int:
        state = self.states[shard_of(person_id, SHARDS)]
        return sum(item.amount_fen for item in state.waiting.of_person(person_id))

    def payouts(self) -> dict[tuple[int, str], int]:
        """How often each person was paid something of each round or pool, on record."""
        counts: dict[tuple[int, str], int] = {}
        for journal in self.journals:
            for event in map(pb.SettlementEvent.FromString, journal):
                for key in _paid(event):
                    counts[key] = counts.get(key, 0) + 1
        return counts

    def _folded(self, shard: int, first: int, end: int | None, snapshot: bytes | None) -> SettlementState:
        state = SettlementState(shard, SHARDS, everybody=False)
        if snapshot is not None:
            state.restore(snapshot)
        records = list(zip(self.journals[shard], self.times_ms[shard], strict=True))
        for seq, (payload, time_ms) in enumerate(records[first:end], start=first + 1):
            state.apply(seq, time_ms, pb.SettlementEvent.FromString(payload))
        return state

    def _as_read(self, message: Message) -> Message:
        """A record as identity sends it: without content for readers whom it does not concern."""
        event = identity.IdentityEvent.FromString(message.SerializeToString())
        kind = event.WhichOneof("event")
        assert kind is not None
        subject = getattr(getattr(event, kind), _SUBJECTS[kind])
        return event if shard_of(subject, SHARDS) == self._reader else identity.IdentityEvent()


class TrueStory:
    """What allocation knows; `PacketsWon`."""

    def __init__(self) -> None:
        self.won: set[tuple[str, int]] = set()
        self.closed: set[tuple[str, int]] = set()
        self.answers = True
        self.questions = 0

    async def is_closed(self, stock_id: str, person_id: int) -> bool:
        self.questions += 1
        if not self.answers:
            raise ServiceError("allocation does not answer")
        return (stock_id, shard_of(person_id, PARTS)) in self.closed

    async def has_won(self, stock_id: str, person_id: int) -> bool:
        assert await self.is_closed(stock_id, person_id), "before, the answer may still change"
        return (stock_id, person_id) in self.won


class _Clock(ManualClock):
    def __init__(self, world: PeopleWorld) -> None:
        super().__init__()
        self._world = world

    def now_ms(self) -> int:
        return self._world.now_ms


class _News:
    def __init__(self, world: PeopleWorld) -> None:
        self._world = world

    def known_until_ms(self, shard: int) -> int:
        return self._world.heard_ms.get(shard, self._world.now_ms)

    def silent_since_ms(self, _shard: int) -> int | None:
        return None


class _OwnedShard:
    def __init__(self, world: PeopleWorld, number: int) -> None:
        self.number = number
        self._world = world

    @property
    def state(self) -> SettlementState:
        return self._world.states[self.number]

    def commit(self, event: pb.SettlementEvent, _trace: str = "") -> Awaitable[int]:
        assert self.state.check(event).created, "what is committed applies"
        self._world.commit(self.number, event)
        return _Durable()


class _Durable:
    def __await__(self) -> Generator[Any, Any, int]:
        yield from ()
        return 0


def run_now(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("it waits")


def _paid(event: pb.SettlementEvent) -> list[tuple[int, str]]:
    paid = [
        (person_id, columns.debit_account_id.split(":")[1])
        for columns in event.wallet_credits
        if not columns.waiting_hold_id
        for person_id in columns.person_ids
    ]
    paid += [
        (transfer.waiting.person_id, transfer.hold_id)
        for transfer in event.transfers
        if transfer.code == pb.TRANSFER_CODE_WAITING_PAID
    ]
    return [(person_id, f"{hold}.pool" if "." not in hold else hold) for person_id, hold in paid]


def funded(parts_fen: tuple[int, ...] = (1000,) * PARTS, waits_until_ms: int = 0) -> PeopleWorld:
    world = PeopleWorld()
    world.deposit(10_000)
    parts = tuple(HoldPart(part, amount_fen) for part, amount_fen in enumerate(parts_fen))
    world.hold(Hold(ROUND, CAMPAIGN, SPONSOR, HoldPurpose.ROUND, parts, waits_until_ms))
    world.settle()
    return world


def expect_sound(world: PeopleWorld) -> None:
    books = world.books()
    assert books.difference_fen == 0
    assert books.sound
