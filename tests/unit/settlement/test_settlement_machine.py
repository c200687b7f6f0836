"""Random evenings: whatever is asked, won, delivered twice, late, out of order, or lost in a crash, the books
agree with a plain model after every step.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.errors import FundsInsufficient, FundsInTransit, HoldConflict, RequestIdReused
from tests.unit.settlement.world import CAMPAIGN, POOL, SPONSOR, World, persons

SHARDS = 2
PARTS = 4
PEOPLE = {part: persons(part, PARTS, 6) for part in range(PARTS)}
ROUNDS = ("spring.r01", "spring.r02")
POOL_FEN = 1000


class Evening(RuleBasedStateMachine):
    """The model keeps one dict of balances and moves money by the meaning of each record."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(SHARDS, PARTS, PARTS, payout_batch=2)
        self.fen: dict[str, int] = defaultdict(int)
        self.deposits: dict[str, int] = {}
        self.holds: dict[str, list[int]] = {}
        self.left: dict[tuple[str, int], int] = {}
        """What allocation may still give away, by stock and part; gone once the part is closed."""
        self.won: dict[tuple[str, int], int] = defaultdict(int)
        self.moving: dict[tuple[str, int], tuple[int, int]] = {}
        """What is on its way to a part from another one: from where, and how much."""
        self.completed: set[int] = set()
        self.pool_held = False
        self.decided = False
        self.cursors: dict[tuple[int, str], int] = defaultdict(int)

        self.returned_fen: dict[str, int] = defaultdict(int)

    @initialize(parts=st.lists(st.integers(1, 600), min_size=PARTS, max_size=PARTS))
    def begin(self, parts: list[int]) -> None:
        """Without money nothing happens: every evening has a funded round and a funded pool."""
        self.deposit(0, 3)
        self.hold(ROUNDS[0], parts)
        self.hold_pool()

    # Callers.

    @rule(number=st.integers(0, 3), amount_fen=st.integers(1, 3))
    def deposit(self, number: int, amount_fen: int) -> None:
        request_id = f"{number:08x}-0000-4000-8000-000000000000"
        amount_fen *= 2000
        if self.deposits.setdefault(request_id, amount_fen) != amount_fen:
            with suppress(RequestIdReused):
                self.world.deposit(amount_fen, request_id=request_id)
                raise AssertionError("a request id was used twice")
            return
        fresh = f"deposit:{request_id}" not in self.world.states[shard_of(SPONSOR, SHARDS)].ledger.digests
        self.world.deposit(amount_fen, request_id=request_id)
        if fresh:
            self.move(f"bank_clearing:{shard_of(SPONSOR, SHARDS)}", "sponsor:7", amount_fen)

    @rule(
        hold_id=st.sampled_from(ROUNDS), parts=st.lists(st.integers(0, 600), min_size=PARTS, max_size=PARTS)
    )
    def hold(self, hold_id: str, parts: list[int]) -> None:
        kept = self.holds.get(hold_id)
        if kept is not None and kept != parts:
            with suppress(HoldConflict):
                self.world.hold_round(parts, hold_id)
                raise AssertionError("a hold id was used twice")
        elif kept is None and (sum(parts) > self.fen["sponsor:7"]):
            with suppress(FundsInsufficient):
                self.world.hold_round(parts, hold_id)
                raise AssertionError("a hold went beyond the funds")
        elif sum(parts):
            self.world.hold_round(parts, hold_id)
            if kept is None:
                self.holds[hold_id] = parts
                for part, amount_fen in enumerate(parts):
                    self.left[hold_id, part] = amount_fen
                    self.send(shard_of(SPONSOR, SHARDS), "sponsor:7", f"escrow:{hold_id}:{part}", amount_fen)

    @precondition(lambda self: self.fen["sponsor:7"] >= POOL_FEN and not self.pool_held)
    @rule()
    def hold_pool(self) -> None:
        self.world.hold_pool(POOL_FEN)
        self.pool_held = True
        self.send(shard_of(SPONSOR, SHARDS), "sponsor:7", "pool:spring", POOL_FEN)

    # What happens elsewhere, and is told in feeds.

    @precondition(lambda self: any(self.left.values()))
    @rule(data=st.data())
    def win(self, data: st.DataObject) -> None:
        hold_id, part = data.draw(st.sampled_from(sorted(key for key, fen in self.left.items() if fen)))
        winners = data.draw(st.lists(st.sampled_from(PEOPLE[part]), min_size=1, max_size=4, unique=True))
        amounts: list[int] = []
        for _ in winners[: self.left[hold_id, part]]:
            amounts.append(data.draw(st.integers(1, max(1, self.left[hold_id, part] // 4))))
            self.left[hold_id, part] -= amounts[-1]
            if not self.left[hold_id, part]:
                break
        self.won[hold_id, part] += sum(amounts)
        self.world.packets_won(part, winners[: len(amounts)], amounts, hold_id)

    @precondition(lambda self: any(self.left.values()))
    @rule(data=st.data(), steps=st.integers(1, PARTS - 1))
    def move_packets(self, data: st.DataObject, steps: int) -> None:
        hold_id, part = data.draw(st.sampled_from(sorted(key for key, fen in self.left.items() if fen)))
        to_part = (part + steps) % PARTS
        # A part without packets of its own has no people to want others'.
        if (hold_id, to_part) not in self.left or not self.holds[hold_id][to_part]:
            return
        if (hold_id, to_part) in self.moving:
            return
        amount_fen = data.draw(st.integers(1, self.left[hold_id, part]))
        self.left[hold_id, part] -= amount_fen
        self.moving[hold_id, to_part] = part, amount_fen
        self.world.packets_sent(part, to_part, amount_fen, hold_id)

    @precondition(lambda self: self.moving)
    @rule(data=st.data())
    def packets_come(self, data: st.DataObject) -> None:
        hold_id, part = data.draw(st.sampled_from(sorted(self.moving)))
        from_part, amount_fen = self.moving.pop((hold_id, part))
        self.left[hold_id, part] += amount_fen
        self.world.packets_received(part, from_part, amount_fen, hold_id)

    @precondition(lambda self: self.left.keys() - self.moving.keys())
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        hold_id, part = data.draw(st.sampled_from(sorted(self.left.keys() - self.moving.keys())))
        left_fen = self.left.pop((hold_id, part))
        self.world.stock_closed(part, self.won[hold_id, part], left_fen, hold_id)

    @precondition(lambda self: not self.decided)
    @rule(part=st.integers(0, PARTS - 1), index=st.integers(0, 5))
    def complete(self, part: int, index: int) -> None:
        person = PEOPLE[part][index]
        if person not in self.completed:
            self.completed.add(person)
            self.world.set_completed(person)

    @precondition(lambda self: self.pool_held and not self.decided)
    @rule()
    def decide(self) -> None:
        self.decided = True
        self.world.decide_pool(POOL_FEN)

    # How it arrives.

    @rule(data=st.data(), shard=st.integers(0, SHARDS - 1), back=st.integers(0, 3), records=st.integers(1, 4))
    def deliver(self, data: st.DataObject, shard: int, back: int, records: int) -> None:
        source = data.draw(st.sampled_from(self.world.sources(shard)))
        cursor = self.world.cursor(shard, source)
        self.world.deliver(shard, source, after_seq=max(0, cursor - back), records=records + back)
        self.follow(shard, source)

    @rule(shard=st.integers(0, SHARDS - 1))
    def deliver_all_to(self, shard: int) -> None:
        for source in self.world.sources(shard):
            self.world.deliver(shard, source)
            self.follow(shard, source)

    @rule(
        data=st.data(),
        shard=st.integers(0, SHARDS - 1),
        steps=st.integers(1, 5),
    )
    def crash_inside_a_record(self, data: st.DataObject, shard: int, steps: int) -> None:
        source = data.draw(st.sampled_from(self.world.sources(shard)))
        seq, feed = self.world.cursor(shard, source) + 1, self.world.feed(source)
        if seq > len(feed):
            return
        with suppress(FundsInTransit):
            while steps and self.world.step(shard, source, seq, feed[seq - 1]):
                steps -= 1
        assert self.world.books().sound
        self.crash(data, shard)
        self.world.deliver(shard, source, records=1)
        self.follow(shard, source)

    @rule(data=st.data(), shard=st.integers(0, SHARDS - 1))
    def crash(self, data: st.DataObject, shard: int) -> None:
        before = self.world.states[shard].snapshot()
        self.world.crash(shard, data.draw(st.integers(0, len(self.world.journals[shard]))))
        assert self.world.states[shard].snapshot() == before

    # The model.

    def follow(self, shard: int, source: str) -> None:
        """Carries out in the model what the shard says it has applied."""
        feed, applied = self.world.feed(source), self.world.cursor(shard, source)
        for seq in range(self.cursors[shard, source] + 1, applied + 1):
            event, number = feed[seq - 1], int(source.partition("/")[2])
            if isinstance(event, allocation.AllocationEvent):
                self.follow_allocation(shard, number, event)
            elif isinstance(event, cards.CardsEvent):
                self.follow_cards(shard, number, event)
            elif isinstance(event, pb.SettlementEvent):
                for transfer in event.transfers:
                    if transfer.HasField("onward") and transfer.onward.shard == shard:
                        transit = f"in_transit:{number}:{shard}"
                        self.move(transit, transfer.onward.credit_account_id, transfer.amount_fen)
                        self.note_return(transfer.onward.credit_account_id, transfer)
        self.cursors[shard, source] = applied

    def follow_allocation(self, shard: int, part: int, event: allocation.AllocationEvent) -> None:
        if event.HasField("packets_won"):
            won = event.packets_won
            for person, amount_fen in zip(won.person_ids, won.amounts_fen, strict=True):
                self.move(f"escrow:{won.stock_id}:{part}", f"wallet:{person}", amount_fen)
        elif event.HasField("packets_sent"):
            sent = event.packets_sent
            receiver = f"escrow:{sent.stock_id}:{sent.to_shard}"
            self.send(shard, f"escrow:{sent.stock_id}:{part}", receiver, sent.amount_fen)
        elif event.HasField("stock_closed"):
            closed = event.stock_closed
            self.send(shard, f"escrow:{closed.stock_id}:{part}", "sponsor:7", closed.returned_fen)
            if shard == shard_of(SPONSOR, SHARDS):
                self.returned_fen[closed.stock_id] += closed.returned_fen

    def follow_cards(self, shard: int, number: int, event: cards.CardsEvent) -> None:
        if not event.HasField("pool_decided"):
            return
        sets = list(event.pool_decided.sets_by_shard)
        share_fen = POOL_FEN // sum(sets) if sum(sets) else 0
        if shard == self.world.campaign_home and self.fen["pool:spring"]:
            if not sum(sets):
                self.send(shard, "pool:spring", "sponsor:7", POOL_FEN)
                if shard == shard_of(SPONSOR, SHARDS):
                    self.returned_fen[POOL] += POOL_FEN
            else:
                for other, count in enumerate(sets):
                    self.send(shard, "pool:spring", f"pool_share:{CAMPAIGN}:{other}", share_fen * count)
                self.move("pool:spring", "remainder:spring", POOL_FEN - share_fen * sum(sets))
        for person in sorted(self.completed):
            if shard_of(person, PARTS) == number:
                self.move(f"pool_share:{CAMPAIGN}:{number}", f"wallet:{person}", share_fen)

    def note_return(self, account_id: str, transfer: pb.Transfer) -> None:
        if account_id == "sponsor:7":
            self.returned_fen[transfer.hold_id] += transfer.amount_fen

    def send(self, shard: int, debit: str, credit: str, amount_fen: int) -> None:
        """A movement that takes two halves when the credited account is on another shard."""
        target = self.shard_of(credit)
        self.move(debit, credit if target == shard else f"in_transit:{shard}:{target}", amount_fen)

    def shard_of(self, account_id: str) -> int:
        kind, _, rest = account_id.partition(":")
        if kind == "pool":
            return self.world.campaign_home
        return shard_of(SPONSOR, SHARDS) if kind == "sponsor" else int(rest.rpartition(":")[2]) % SHARDS

    def move(self, debit: str, credit: str, amount_fen: int) -> None:
        self.fen[debit] -= amount_fen
        self.fen[credit] += amount_fen

    @invariant()
    def the_books_agree_with_the_model(self) -> None:
        assert self.world.balances() == {account: fen for account, fen in self.fen.items() if fen}

    @invariant()
    def what_came_back_is_known_by_hold(self) -> None:
        kept = self.world.states[shard_of(SPONSOR, SHARDS)].registers.returned_fen
        assert kept == {hold_id: fen for hold_id, fen in self.returned_fen.items() if fen}

    @invariant()
    def the_books_prove_themselves(self) -> None:
        books = self.world.books()
        assert books.sound, books

    def teardown(self) -> None:
        for (hold_id, part), (from_part, amount_fen) in sorted(self.moving.items()):
            self.left[hold_id, part] += amount_fen
            self.world.packets_received(part, from_part, amount_fen, hold_id)
        for hold_id, part in sorted(self.left):
            self.world.stock_closed(part, self.won[hold_id, part], self.left[hold_id, part], hold_id)
        if self.pool_held and not self.decided:
            self.world.decide_pool(POOL_FEN)
        self.world.deliver_all()
        books = self.world.books()
        assert books.sound, books
        assert all(campaign.settled for campaign in books.campaigns), books
        for shard, journal in enumerate(self.world.journals):
            for snapshot_seq in (0, len(journal) // 2, len(journal)):
                before = self.world.states[shard].snapshot()
                self.world.crash(shard, snapshot_seq)
                assert self.world.states[shard].snapshot() == before


Evening.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestEvening = Evening.TestCase
