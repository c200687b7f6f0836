"""Random people: whoever wins, is verified, or turns out to be somebody else, in whatever order it is heard
of, nobody is paid twice, and every fen is where it belongs.
"""

from __future__ import annotations

from collections import defaultdict

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from tests.unit.settlement.people.world import DAY_MS, PARTS, SHARDS, WAITING_DAYS, PeopleWorld
from tests.unit.settlement.world import CAMPAIGN, SPONSOR, persons

ROUNDS = ("spring.r01", "spring.r02")
PEOPLE = [person_id for part in range(PARTS) for person_id in persons(part, PARTS, 3)]
POOL_FEN = 1000
PART_FEN = 500


class Guests(RuleBasedStateMachine):
    """The model knows what is true elsewhere: who won what, who is verified, and who is whom."""

    def __init__(self) -> None:
        super().__init__()
        self.world = PeopleWorld(payout_batch=2, waiting_batch=2)
        self.verified: set[int] = set()
        self.merged: dict[int, int] = {}
        self.won: dict[tuple[str, int], int] = {}
        """Packets, by round and person."""
        self.closed: set[tuple[str, int]] = set()
        self.completed: set[int] = set()
        self.decided = False
        self.envelopes = 0
        self.begun_ms = self.world.now_ms

    @initialize(days=st.sampled_from([0, 20]), lucky=st.booleans())
    def begin(self, days: int, lucky: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """Two rounds, of which one may have a rule of its own, and a pool."""
        self.world.lucky = lucky
        until_ms = self.world.now_ms + days * DAY_MS if days else 0
        self.world.deposit(10 * PARTS * PART_FEN)
        parts = tuple(HoldPart(part, PART_FEN) for part in range(PARTS))
        for round_id, waits_until_ms in zip(ROUNDS, (0, until_ms), strict=True):
            self.world.hold(Hold(round_id, CAMPAIGN, SPONSOR, HoldPurpose.ROUND, parts, waits_until_ms))
        self.world.hold_pool(POOL_FEN)

    # What happens elsewhere.

    @rule(person_id=st.sampled_from(PEOPLE))
    def verify(self, person_id: int) -> None:
        if person_id not in self.verified and person_id not in self.merged:
            self.verified.add(person_id)
            self.world.verify(person_id)

    @precondition(lambda self: self.verified)
    @rule(data=st.data(), provisional=st.sampled_from(PEOPLE))
    def merge(self, data: st.DataObject, provisional: int) -> None:
        if provisional not in self.verified and provisional not in self.merged:
            person_id = data.draw(st.sampled_from(sorted(self.verified)))
            self.merged[provisional] = person_id
            self.world.merge(provisional, person_id)

    @rule(
        round_id=st.sampled_from(ROUNDS),
        winners=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4, unique=True),
        amount_fen=st.integers(1, 100),
    )
    def win(self, round_id: str, winners: list[int], amount_fen: int) -> None:
        """One packet a person and round, whoever the person may turn out to be."""
        by_part: dict[int, list[int]] = defaultdict(list)
        for person_id in winners:
            part = shard_of(person_id, PARTS)
            if (round_id, person_id) not in self.won and (round_id, part) not in self.closed:
                by_part[part].append(person_id)
                self.won[round_id, person_id] = amount_fen
        for part, person_ids in by_part.items():
            self.world.packets_won(part, person_ids, [amount_fen] * len(person_ids), round_id)

    @rule(round_id=st.sampled_from(ROUNDS), part=st.integers(0, PARTS - 1))
    def close(self, round_id: str, part: int) -> None:
        if (round_id, part) not in self.closed:
            self.closed.add((round_id, part))
            won_fen = sum(
                amount_fen
                for (won_of, person_id), amount_fen in self.won.items()
                if won_of == round_id and shard_of(person_id, PARTS) == part
            )
            self.world.stock_closed(part, won_fen, PART_FEN - won_fen, round_id)

    @precondition(lambda self: not self.decided)
    @rule(person_id=st.sampled_from(PEOPLE))
    def complete(self, person_id: int) -> None:
        if person_id not in self.completed:
            self.completed.add(person_id)
            self.world.set_completed(person_id)

    @precondition(lambda self: not self.decided and self.completed)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        person_id = data.draw(st.sampled_from(sorted(self.completed)))
        self.completed.remove(person_id)
        self.world.set_undone(person_id)

    @precondition(lambda self: not self.decided)
    @rule()
    def decide(self) -> None:
        self.decided = True
        self.world.decide_pool(POOL_FEN)

    @rule(data=st.data(), receiver=st.sampled_from(PEOPLE))
    def give(self, data: st.DataObject, receiver: int) -> None:
        """Somebody who has something, and whom settlement knows, sends an envelope."""
        able = [
            person_id
            for person_id in PEOPLE
            if self.world.wallet_fen(person_id)
            and self.world.states[shard_of(person_id, SHARDS)].people.knows(person_id)
        ]
        if able:
            sender = data.draw(st.sampled_from(able))
            self.envelopes += 1
            self.world.send(sender, receiver, self.world.wallet_fen(sender), self.envelopes)

    @rule(days=st.integers(1, 15))
    def pass_time(self, days: int) -> None:
        self.world.now_ms += days * DAY_MS

    # What settlement does about it.

    @rule(data=st.data(), shard=st.integers(0, SHARDS - 1), records=st.integers(1, 4))
    def deliver(self, data: st.DataObject, shard: int, records: int) -> None:
        self.world.deliver(shard, data.draw(st.sampled_from(self.world.sources(shard))), records=records)

    @rule(shard=st.integers(0, SHARDS - 1))
    def tend(self, shard: int) -> None:
        self.world.tend(shard)

    @rule(shard=st.integers(0, SHARDS - 1), share=st.floats(0, 1))
    def crash(self, shard: int, share: float) -> None:
        self.world.crash(shard, int(share * len(self.world.journals[shard])))

    @invariant()
    def books_are_sound(self) -> None:
        books = self.world.books()
        assert books.difference_fen == 0, [line for line in books.lines if line.difference_fen]
        assert not books.violations

    def teardown(self) -> None:
        """Everything ends: rounds and pool close, and all that waits is looked after."""
        if not hasattr(self, "begun_ms") or not self.world.journals[shard_of(SPONSOR, SHARDS)]:
            return
        for round_id in ROUNDS:
            for part in range(PARTS):
                self.close(round_id, part)
        if not self.decided:
            self.decide()
        self.world.settle()
        self.books_are_sound()
        self.everybody_is_paid_once()
        self.world.now_ms += (WAITING_DAYS + 1) * DAY_MS
        self.world.settle()
        self.books_are_sound()
        assert not [item for state in self.world.states for item in state.waiting.items]
        (campaign,) = self.world.books().campaigns
        assert campaign.settled

    def everybody_is_paid_once(self) -> None:
        payouts = self.world.payouts()
        assert not [key for key, count in payouts.items() if count > 1]
        gone = self.given_back()
        for hold_id, person_id in [*self.won, *((f"{CAMPAIGN}.pool", person) for person in self.completed)]:
            real = self.merged.get(person_id, person_id)
            if real in self.verified and not gone & {(hold_id, real), (hold_id, person_id)}:
                assert payouts.get((real, hold_id)) == 1, f"{real} is owed something of {hold_id}"
            elif real not in self.verified:
                assert (real, hold_id) not in payouts, f"nobody knows who {real} is"
        for provisional in self.merged:
            assert self.world.wallet_fen(provisional) == self.world.waiting_fen(provisional) == 0

    def given_back(self) -> set[tuple[str, int]]:
        """Winnings that went back because their time was over."""
        return {
            (transfer.hold_id, transfer.waiting.origin_person_id)
            for journal in self.world.journals
            for event in map(pb.SettlementEvent.FromString, journal)
            for transfer in event.transfers
            if transfer.code == pb.TRANSFER_CODE_WAITING_EXPIRED
        }


TestGuests = Guests.TestCase
TestGuests.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
