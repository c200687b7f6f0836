"""Allocation's envelopes and settlement's books without processes: their states, journals, and one feed."""

from __future__ import annotations

from dataclasses import replace

from hongbao.allocation.v1 import envelope_events_pb2, events_pb2
from hongbao.settlement.v1 import events_pb2 as settlement
from services.allocation.domain.envelopes import records
from services.allocation.domain.envelopes.asks import Ask
from services.allocation.domain.envelopes.book import check_order
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.fold import Envelopes
from services.allocation.domain.envelopes.limits import AskLimits, EnvelopeLimits
from services.allocation.domain.envelopes.sources import lineage_of, remembered_until_ms
from services.allocation.domain.envelopes.values import (
    AskTerms,
    EnvelopeId,
    EnvelopeTerms,
    Order,
    ParentPacket,
    Refusal,
    Share,
    envelope_id_of,
)
from services.allocation.domain.values import PersonId, Seed
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.envelopes import create_wallet_hold
from services.settlement.domain.wallet_holds import WalletHold
from tests.unit.settlement.world import World, persons

SHARDS = 4
"""Of allocation; settlement has half as many."""
START_MS = 1_454_846_400_000
HOUR_MS = 3_600_000
WALLET_FEN = 1_000
PEOPLE = [PersonId(person) for shard in range(SHARDS) for person in persons(shard, SHARDS, 2)]
LIMITS = EnvelopeLimits(
    amount_fen_max=800,
    share_count_max=5,
    share_fen_min=2,
    note_characters_max=10,
    open_per_person_max=3,
    kept_per_person_max=6,
    per_shard_max=8,
    pending_max=3,
    depth_max=2,
    expiry_ms=24 * HOUR_MS,
    funding_ms=HOUR_MS,
    reissue_ms=48 * HOUR_MS,
)
ASK_LIMITS = AskLimits(
    amount_fen_max=800,
    note_characters_max=10,
    open_per_giver_max=3,
    open_per_pair_max=2,
    kept_per_giver_max=5,
    per_shard_max=6,
    expiry_ms=24 * HOUR_MS,
)
KEPT_MS = 72 * HOUR_MS


class Books(World):
    """Settlement, at a time that tests set."""

    def __init__(self) -> None:
        super().__init__(settlement=SHARDS // 2, allocation_shards=SHARDS)
        self.now_ms = START_MS
        self._times: list[list[int]] = [[] for _ in self.states]

    def commit(self, shard: int, event: settlement.SettlementEvent | None) -> None:
        if event is not None:
            payload = event.SerializeToString()
            self.journals[shard].append(payload)
            self._times[shard].append(self.now_ms)
            self.states[shard].apply(len(self.journals[shard]), self.now_ms, event)

    def crash(self, shard: int, snapshot_seq: int = 0) -> None:
        records = [settlement.SettlementEvent.FromString(payload) for payload in self.journals[shard]]
        state = self.rebuilt(shard, [], None)
        for seq, (record, time_ms) in enumerate(zip(records, self._times[shard], strict=True), start=1):
            state.apply(seq, time_ms, record)
            if seq == snapshot_seq:
                state = self.rebuilt(shard, [], state.snapshot())
        self.states[shard] = state

    def wallet_fen(self, person_id: int) -> int:
        return self.balance_fen(f"wallet:{person_id}")


class EnvelopeWorld:
    """What owners do, one step at a time."""

    def __init__(self) -> None:
        self.books = Books()
        self.shards = [Envelopes(shard) for shard in range(SHARDS)]
        self.journals: list[list[tuple[int, bytes]]] = [[] for _ in range(SHARDS)]
        self._fill_wallets()

    @property
    def now_ms(self) -> int:
        return self.books.now_ms

    def of(self, key: int) -> Envelopes:
        """The shard of a person, an envelope or an ask."""
        return self.shards[shard_of(key, SHARDS)]

    def order(self, order: Order, parent: ParentPacket | None = None) -> Envelope:
        """Creates an envelope, or finds it. Raises what speaks against it."""
        envelope_id = envelope_id_of(order.sender_id, order.request_id, SHARDS)
        envelopes = self.of(order.sender_id)
        existing = envelopes.book.existing(envelope_id, order)
        if existing is not None:
            return existing
        if parent is not None:
            order = replace(order, amount_fen=parent.amount_fen)
        check_order(order, LIMITS)
        if order.ask_id:
            envelopes.asks.ask(order.ask_id).check_open(self.now_ms)
        terms = EnvelopeTerms(
            envelope_id,
            order,
            LIMITS.share_fen_min,
            fund_ends_ms=self.now_ms + LIMITS.funding_ms,
            expires_ms=self.now_ms + LIMITS.expiry_ms,
        )
        if parent is not None and order.source is not None:
            envelopes.sources.check(order.sender_id, order.source, parent, self.now_ms, LIMITS)
            terms = replace(
                terms,
                lineage=lineage_of(order.source, parent),
                source_until_ms=remembered_until_ms(parent, LIMITS),
            )
        envelopes.book.check_room(order.sender_id, LIMITS)
        seed = Seed(envelope_id.to_bytes(32, "big"))
        self.commit(order.sender_id, envelope_events_pb2.EnvelopeEvent(created=records.created(terms, seed)))
        return envelopes.book.envelope(envelope_id)

    def hold(self, terms: EnvelopeTerms) -> None:
        """Settlement is asked for the money. Raises what it refuses with."""
        sender_id = terms.order.sender_id
        shard = shard_of(sender_id, self.books.settlement)
        hold = WalletHold(terms.envelope_id, sender_id, terms.order.amount_fen, terms.fund_ends_ms)
        self.books.commit(shard, create_wallet_hold(self.books.states[shard], hold, self.now_ms))

    def open(self, envelope_id: EnvelopeId) -> None:
        event = envelope_events_pb2.EnvelopeEvent()
        event.opened.envelope_id = envelope_id
        self.commit(envelope_id, event)

    def refuse(self, envelope: Envelope, refusal: Refusal) -> None:
        refused = records.refused(envelope.terms, refusal)
        self.commit(envelope.terms.envelope_id, envelope_events_pb2.EnvelopeEvent(refused=refused))

    def claim(self, envelope_id: EnvelopeId, person_id: PersonId) -> Share:
        """The person's share. Raises why there is none."""
        envelope = self.of(envelope_id).book.envelope(envelope_id)
        if envelope.share_of(person_id) is None:
            claimed = records.claimed(envelope, envelope.next_share(person_id, self.now_ms))
            self.commit(envelope_id, envelope_events_pb2.EnvelopeEvent(share_claimed=claimed))
        share = self.of(envelope_id).book.envelope(envelope_id).share_of(person_id)
        assert share is not None
        return share

    def ask(self, terms: AskTerms) -> Ask:
        """Makes an ask, or finds it. Raises what speaks against it."""
        asks = self.of(terms.giver_id).asks
        if asks.existing(terms) is None:
            asks.check_new(terms, ASK_LIMITS)
            made = envelope_events_pb2.EnvelopeEvent(ask_made=records.ask_made(terms))
            self.commit(terms.giver_id, made)
        return asks.ask(terms.ask_id)

    def pass_time(self, milliseconds: int) -> None:
        """Moves the clock; what is due happens."""
        self.books.now_ms += milliseconds
        for shard, envelopes in enumerate(self.shards):
            while (due := envelopes.book.deadlines.next()) is not None and due[0] <= self.now_ms:
                expired = records.expired(envelopes.book.envelope(due[1]))
                self.commit_to(shard, envelope_events_pb2.EnvelopeEvent(expired=expired))
            while (late := envelopes.asks.deadlines.next()) is not None and late[0] <= self.now_ms:
                event = envelope_events_pb2.EnvelopeEvent()
                event.ask_expired.ask_id = late[1]
                self.commit_to(shard, event)
            self._forget(shard, envelopes)

    def crash(self, shard: int, snapshot_seq: int = 0) -> None:
        """Drops a shard's state and rebuilds it from its journal, with a snapshot on the way."""
        state = Envelopes(shard)
        for seq, (time_ms, payload) in enumerate(self.journals[shard], start=1):
            state.apply(time_ms, envelope_events_pb2.EnvelopeEvent.FromString(payload))
            if seq == snapshot_seq:
                taken = state.snapshot().SerializeToString(deterministic=True)
                state = Envelopes(shard)
                state.restore(envelope_events_pb2.EnvelopesSnapshot.FromString(taken))
        assert state.snapshot() == self.shards[shard].snapshot(), "what is rebuilt is what was"
        self.shards[shard] = state

    def commit(self, key: int, event: envelope_events_pb2.EnvelopeEvent) -> None:
        self.commit_to(shard_of(key, SHARDS), event)

    def commit_to(self, shard: int, event: envelope_events_pb2.EnvelopeEvent) -> None:
        payload = event.SerializeToString()
        self.journals[shard].append((self.now_ms, payload))
        self.shards[shard].apply(self.now_ms, envelope_events_pb2.EnvelopeEvent.FromString(payload))
        told = envelope_events_pb2.EnvelopeEvent.FromString(payload)
        records.conceal(told)
        self.books.feeds[f"allocation/{shard}"].append(events_pb2.AllocationEvent(envelope=told))

    def _forget(self, shard: int, envelopes: Envelopes) -> None:
        before_ms = self.now_ms - KEPT_MS
        event = envelope_events_pb2.EnvelopeEvent()
        event.forgotten.envelope_ids.extend(envelopes.book.ends.before(before_ms, 100))
        event.forgotten.ask_ids.extend(envelopes.asks.ends.before(before_ms, 100))
        event.forgotten.sources_until_at.FromMilliseconds(self.now_ms)
        self.commit_to(shard, event)

    def _fill_wallets(self) -> None:
        books = self.books
        books.deposit(WALLET_FEN * len(PEOPLE))
        books.hold_round([WALLET_FEN * len(PEOPLE) // SHARDS] * SHARDS)
        for part in range(SHARDS):
            people = [person for person in PEOPLE if shard_of(person, SHARDS) == part]
            books.packets_won(part, people, [WALLET_FEN] * len(people))
            books.stock_closed(part, WALLET_FEN * len(people), 0)
        books.deliver_all()
