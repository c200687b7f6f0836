"""A settlement service without processes: its shards' states and journals, and the feeds that they read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import count, islice

from google.protobuf.message import Message

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.settlement.v1 import events_pb2 as pb
from services.cards.domain.sets.luck import LUCK_CLASSES, luck_classes, lucky_shares, worth_fen
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.settlement.domain.accounts import AccountCode, shard_of_account
from services.settlement.domain.books import Books, prove
from services.settlement.domain.commands import create_hold, deposit
from services.settlement.domain.effects import next_effect, sources_of
from services.settlement.domain.errors import FundsInTransit
from services.settlement.domain.pool import divide_pool
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from services.settlement.domain.runs import next_run
from services.settlement.domain.shard_books import shard_books
from services.settlement.domain.state import SettlementState

CAMPAIGN = "spring"
ROUND = "spring.r01"
SECOND = "spring.r02"
POOL = "spring.pool"
SPONSOR = 7
LUCK_KEY = bytes(range(32))


class World:
    def __init__(
        self, settlement: int = 2, allocation_shards: int = 4, cards_shards: int = 4, payout_batch: int = 3
    ) -> None:
        self.settlement = settlement
        self.allocation = allocation_shards
        self.cards = cards_shards
        self.payout_batch = payout_batch
        self.lucky = False
        """Whether the pool is shared by luck."""
        self.states = [SettlementState(shard, settlement) for shard in range(settlement)]
        self.journals: list[list[bytes]] = [[] for _ in range(settlement)]
        self.feeds: dict[str, list[Message]] = {
            **{f"allocation/{shard}": [] for shard in range(allocation_shards)},
            **{f"cards/{shard}": [] for shard in range(cards_shards)},
        }
        self.campaign_home = shard_of_text(CAMPAIGN, settlement)

    # What callers do.

    def deposit(
        self,
        amount_fen: int,
        sponsor_id: int = SPONSOR,
        request_id: str = "0" * 8 + "-0000-4000-8000-" + "0" * 12,
    ) -> None:
        shard = shard_of(sponsor_id, self.settlement)
        self.commit(shard, deposit(self.states[shard], request_id, sponsor_id, amount_fen))

    def hold_round(self, parts_fen: Sequence[int], hold_id: str = ROUND, sponsor_id: int = SPONSOR) -> None:
        parts = tuple(HoldPart(part, amount_fen) for part, amount_fen in enumerate(parts_fen))
        campaign_id = hold_id.partition(".")[0]
        self.hold(Hold(hold_id, campaign_id, sponsor_id, HoldPurpose.ROUND, parts))

    def hold_pool(self, amount_fen: int, sponsor_id: int = SPONSOR) -> None:
        self.hold(Hold(POOL, CAMPAIGN, sponsor_id, HoldPurpose.POOL, (HoldPart(0, amount_fen),)))

    def hold(self, hold: Hold) -> None:
        shard = shard_of(hold.sponsor_id, self.settlement)
        self.commit(shard, create_hold(self.states[shard], hold))

    # What feeds say.

    def packets_won(
        self, part: int, person_ids: Iterable[int], amounts_fen: Iterable[int], stock_id: str = ROUND
    ) -> None:
        won = allocation.PacketsWon(
            stock_id=stock_id,
            campaign_id=stock_id.partition(".")[0],
            person_ids=person_ids,
            amounts_fen=amounts_fen,
        )
        self.feeds[f"allocation/{part}"].append(allocation.AllocationEvent(packets_won=won))

    def packets_sent(self, part: int, to_part: int, amount_fen: int, stock_id: str = ROUND) -> None:
        sent = allocation.PacketsSent(
            stock_id=stock_id,
            campaign_id=stock_id.partition(".")[0],
            to_shard=to_part,
            lots=[allocation.PacketLot(drawn_shard=part, packet_count=1)],
            amount_fen=amount_fen,
        )
        self.feeds[f"allocation/{part}"].append(allocation.AllocationEvent(packets_sent=sent))

    def packets_received(self, part: int, from_part: int, amount_fen: int, stock_id: str = ROUND) -> None:
        received = allocation.PacketsReceived(
            stock_id=stock_id,
            campaign_id=stock_id.partition(".")[0],
            from_shard=from_part,
            lots=[allocation.PacketLot(drawn_shard=from_part, packet_count=1)],
            amount_fen=amount_fen,
        )
        self.feeds[f"allocation/{part}"].append(allocation.AllocationEvent(packets_received=received))

    def stock_closed(
        self, part: int, won_fen: int, returned_fen: int, stock_id: str = ROUND, sponsor_id: int = SPONSOR
    ) -> None:
        closed = allocation.StockClosed(
            stock_id=stock_id,
            campaign_id=stock_id.partition(".")[0],
            sponsor_id=sponsor_id,
            shard=part,
            won_fen=won_fen,
            returned_fen=returned_fen,
        )
        self.feeds[f"allocation/{part}"].append(allocation.AllocationEvent(stock_closed=closed))

    def set_completed(self, person_id: int) -> None:
        """Alone in its record, as older journals of cards have it where shares are equal."""
        if self.lucky:
            self.sets_completed([person_id])
            return
        shard = shard_of(person_id, self.cards)
        completed = cards.SetCompleted(campaign_id=CAMPAIGN, person_id=person_id)
        self.feeds[f"cards/{shard}"].append(cards.CardsEvent(set_completed=completed))

    def sets_completed(self, person_ids: Sequence[int]) -> None:
        """In one record, all of one shard."""
        (shard,) = {shard_of(person_id, self.cards) for person_id in person_ids}
        lucks = luck_classes(LUCK_KEY, person_ids) if self.lucky else b""
        completed = cards.SetsCompleted(campaign_id=CAMPAIGN, person_ids=person_ids, luck_classes=lucks)
        self.feeds[f"cards/{shard}"].append(cards.CardsEvent(sets_completed=completed))

    def set_undone(self, person_id: int) -> None:
        shard = shard_of(person_id, self.cards)
        undone = cards.SetUndone(campaign_id=CAMPAIGN, person_id=person_id)
        self.feeds[f"cards/{shard}"].append(cards.CardsEvent(set_undone=undone))

    def decide_pool(self, pool_fen: int, sponsor_id: int = SPONSOR) -> None:
        """The truth about the sets in the feeds, told to every cards shard."""
        persons = [_completers(self.feeds[f"cards/{shard}"]) for shard in range(self.cards)]
        if self.lucky:
            decided = lucky_pool_decided(pool_fen, persons, sponsor_id)
        else:
            decided = pool_decided(pool_fen, [len(of_shard) for of_shard in persons], sponsor_id)
        for shard in range(self.cards):
            self.feeds[f"cards/{shard}"].append(cards.CardsEvent(pool_decided=decided))

    # How feeds arrive.

    def feed(self, source: str) -> Sequence[Message]:
        service, _, shard = source.partition("/")
        if service == "settlement":
            return [pb.SettlementEvent.FromString(payload) for payload in self.journals[int(shard)]]
        return self.feeds[source]

    def deliver(self, shard: int, source: str, *, after_seq: int | None = None, records: int = 1000) -> int:
        """Offers records above `after_seq` (default: the cursor) until money is missing; counts them."""
        start = self.cursor(shard, source) if after_seq is None else after_seq
        feed = self.feed(source)
        taken = 0
        for seq in range(start + 1, min(len(feed), start + records) + 1):
            try:
                while self.step(shard, source, seq, feed[seq - 1]):
                    pass
            except FundsInTransit:
                break
            taken += 1
        return taken

    def deliver_in_runs(
        self, shard: int, source: str, *, after_seq: int | None = None, records: int = 1000, persons_max: int
    ) -> int:
        """As `deliver`, but as the sink does it: what can be carried out by one event is."""
        start = self.cursor(shard, source) if after_seq is None else after_seq
        offered = list(enumerate(self.feed(source), start=1))[start : start + records]
        while offered:
            run = next_run(self.states[shard], source, offered, persons_max)
            if run is not None:
                self.commit(shard, run.event)
            elif self.deliver(shard, source, after_seq=offered[0][0] - 1, records=1) == 0:
                break
            offered = offered[1 if run is None else run.records :]
        return min(records, len(self.feed(source)) - start) - len(offered)

    def step(self, shard: int, source: str, seq: int, event: Message) -> bool:
        """Carries out one step of a record; False when there is nothing (more) to do."""
        effect = next_effect(self.states[shard], source, seq, event, self.payout_batch)
        self.commit(shard, effect)
        return effect is not None

    def deliver_all(self) -> None:
        """Delivers until nothing moves any more."""
        before = -1
        while before != (before := sum(len(journal) for journal in self.journals)):
            for shard in range(self.settlement):
                for source in self.sources(shard):
                    self.deliver(shard, source)

    def sources(self, shard: int) -> tuple[str, ...]:
        return sources_of(
            shard,
            settlement_shards=self.settlement,
            allocation_shards=self.allocation,
            cards_shards=self.cards,
        )

    def cursor(self, shard: int, source: str) -> int:
        cursor = self.states[shard].ledger.cursors.get(source)
        return 0 if cursor is None else cursor.seq

    # What a shard's owner does.

    def commit(self, shard: int, event: pb.SettlementEvent | None) -> None:
        if event is not None:
            payload = event.SerializeToString()
            self.journals[shard].append(payload)
            seq = len(self.journals[shard])
            self.states[shard].apply(seq, 0, pb.SettlementEvent.FromString(payload))

    def crash(self, shard: int, snapshot_seq: int = 0) -> None:
        """Drops a shard's state and rebuilds it, from a snapshot when `snapshot_seq` is above 0."""
        journal = self.journals[shard]
        rebuilt = self.rebuilt(shard, journal[:snapshot_seq], None)
        self.states[shard] = self.rebuilt(
            shard, journal[snapshot_seq:], rebuilt.snapshot() if snapshot_seq else None
        )

    def rebuilt(self, shard: int, journal: Sequence[bytes], snapshot: bytes | None) -> SettlementState:
        state = SettlementState(shard, self.settlement)
        if snapshot is not None:
            state.restore(snapshot)
        for seq, payload in enumerate(journal, start=1):
            state.apply(seq, 0, pb.SettlementEvent.FromString(payload))
        return state

    # What anyone can read.

    def balance_fen(self, account_id: str) -> int:
        shard = shard_of_account(account_id, self.settlement)
        return self.states[shard].ledger.balance_fen(account_id)

    def balances(self) -> dict[str, int]:
        """Every account that is not empty; one in transit as the sum of its two sides."""
        sums: dict[str, int] = {}
        for state in self.states:
            for account in state.ledger.accounts.values():
                sums[account.account_id] = sums.get(account.account_id, 0) + account.balance_fen
            for person_id, balance_fen in state.ledger.wallets.items():
                sums[f"wallet:{person_id}"] = balance_fen
        return {account_id: balance_fen for account_id, balance_fen in sums.items() if balance_fen}

    def total_fen(self, code: AccountCode) -> int:
        prefix = f"{code.name.lower()}:"
        return sum(fen for account_id, fen in self.balances().items() if account_id.startswith(prefix))

    def books(self) -> Books:
        return prove(
            [
                shard_books(shard, len(self.journals[shard]), state.ledger, self.sources(shard), {})
                for shard, state in enumerate(self.states)
            ],
            self.settlement,
        )


def funded(parts_fen: Sequence[int], pool_fen: int = 0) -> World:
    """A world whose round and pool have their money where it is spent from."""
    world = World()
    world.deposit(sum(parts_fen) + pool_fen)
    world.hold_round(parts_fen)
    if pool_fen:
        world.hold_pool(pool_fen)
    world.deliver_all()
    return world


def two_rounds(world: World | None = None) -> World:
    """Part 0 of both rounds has 100 fen; the persons of part 0 have their wallets on shard 0."""
    world = world or World()
    world.deposit(1_800)
    world.hold_pool(1_000)
    for hold_id in (ROUND, SECOND):
        world.hold_round([100, 100, 100, 100], hold_id)
    world.deliver_all()
    return world


def persons(shard: int, shard_count: int, number: int) -> list[int]:
    """The first persons of a shard."""
    return list(islice((person for person in count(1) if shard_of(person, shard_count) == shard), number))


def _completers(feed: Iterable[Message]) -> list[int]:
    """Whose sets count, by a feed of cards."""
    persons: dict[int, None] = {}
    for event in feed:
        assert isinstance(event, cards.CardsEvent)
        match event.WhichOneof("event"):
            case "set_completed":
                persons[event.set_completed.person_id] = None
            case "sets_completed":
                persons.update(dict.fromkeys(event.sets_completed.person_ids))
            case "set_undone":
                del persons[event.set_undone.person_id]
    return list(persons)


def lucky_pool_decided(
    pool_fen: int, persons_by_shard: Sequence[Sequence[int]], sponsor_id: int = SPONSOR
) -> cards.PoolDecided:
    """As cards decides it, by its own rules."""
    by_shard = [Counter(luck_classes(LUCK_KEY, persons)) for persons in persons_by_shard]
    counts = [[of_shard[luck] for luck in range(1, LUCK_CLASSES + 1)] for of_shard in by_shard]
    sets_by_luck = [sum(of_class) for of_class in zip(*counts, strict=True)]
    shares_fen = lucky_shares(pool_fen, sets_by_luck)
    return cards.PoolDecided(
        campaign_id=CAMPAIGN,
        sponsor_id=sponsor_id,
        pool_hold_id=POOL,
        pool_fen=pool_fen,
        remainder_fen=pool_fen - worth_fen(shares_fen, sets_by_luck),
        sets_by_shard=map(len, persons_by_shard),
        share_mode=cards.SHARE_MODE_LUCKY,
        sets_by_luck=sets_by_luck,
        luck_shares_fen=shares_fen,
        shard_shares_fen=[worth_fen(shares_fen, of_shard) for of_shard in counts],
    )


def pool_decided(pool_fen: int, sets: Sequence[int], sponsor_id: int = SPONSOR) -> cards.PoolDecided:
    division = divide_pool(pool_fen, sets)
    return cards.PoolDecided(
        campaign_id=CAMPAIGN,
        sponsor_id=sponsor_id,
        pool_hold_id=POOL,
        pool_fen=pool_fen,
        share_fen=division.share_fen,
        remainder_fen=division.remainder_fen,
        sets_by_shard=sets,
    )
