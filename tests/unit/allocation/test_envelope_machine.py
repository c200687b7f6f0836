"""Random days of sending, claiming, asking and crashing: money is conserved, and everything happens once."""
# ruff: noqa: PT017 - a rule may be refused, and then the reason is looked at

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from services.allocation.domain.envelopes.values import (
    AskPhase,
    AskTerms,
    EnvelopeId,
    EnvelopeKind,
    EnvelopePhase,
    EnvelopeShare,
    Friends,
    GroupId,
    GroupMembers,
    OnePerson,
    Order,
    ParentPacket,
    Refusal,
    RefusalCause,
    Source,
    StockPacket,
    ask_id_of,
)
from services.allocation.domain.values import PersonId, StockId
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from tests.unit.allocation.envelope_world import (
    HOUR_MS,
    LIMITS,
    PEOPLE,
    SHARDS,
    START_MS,
    WALLET_FEN,
    EnvelopeWorld,
)

people = st.sampled_from(PEOPLE)
AUDIENCES = (Friends(), GroupMembers(GroupId(9)))


class Day(RuleBasedStateMachine):
    """The model keeps what people have been told, and never lets it be taken back."""

    envelopes = Bundle("envelopes")
    pending = Bundle("pending")
    late_holds = Bundle("late_holds")
    asks = Bundle("asks")

    def __init__(self) -> None:
        super().__init__()
        self.requests = 0
        self.world = EnvelopeWorld()
        self.expected_fen: dict[PersonId, int] = defaultdict(lambda: WALLET_FEN)
        """Wallets once all feeds have arrived."""
        self.orders: dict[EnvelopeId, Order] = {}
        self.shares: dict[EnvelopeId, dict[PersonId, int]] = defaultdict(dict)
        self.opened: set[EnvelopeId] = set()
        self.returned: Counter[EnvelopeId] = Counter()
        self.sent_on: dict[tuple[PersonId, Source], EnvelopeId] = {}

    def _request_id(self) -> str:
        self.requests += 1
        return str(uuid.UUID(int=self.requests, version=4))

    @rule(
        target=pending,
        sender=people,
        kind=st.sampled_from(EnvelopeKind),
        receiver=people,
        audience=st.sampled_from(AUDIENCES),
        amount_fen=st.integers(1, 900),
        share_count=st.integers(1, 6),
    )
    def send(
        self,
        sender: PersonId,
        kind: EnvelopeKind,
        receiver: PersonId,
        audience: Any,
        amount_fen: int,
        share_count: int,
    ) -> Any:
        if kind is EnvelopeKind.SINGLE:
            audience, share_count = OnePerson(receiver), 1
        order = Order(sender, self._request_id(), kind, audience, amount_fen, share_count, "恭喜")
        fits = (
            amount_fen <= LIMITS.amount_fen_max
            and share_count <= LIMITS.share_count_max
            and amount_fen >= share_count * LIMITS.share_fen_min
            and not (kind is EnvelopeKind.EQUAL and amount_fen % share_count)
            and audience != OnePerson(sender)
        )
        return self._place(order, None, fits=fits)

    @rule(target=pending, envelope_id=envelopes, sender=people, share_count=st.integers(1, 5))
    def send_on(self, envelope_id: EnvelopeId, sender: PersonId, share_count: int) -> Any:
        amount_fen = self.shares[envelope_id].get(sender)
        parent = self.world.of(envelope_id).book.find(envelope_id)
        share = None if parent is None else parent.share_of(sender)
        assert parent is None or (share.amount_fen if share else None) == amount_fen
        if parent is None or share is None:
            return multiple()
        source = EnvelopeShare(envelope_id)
        packet = ParentPacket(share.amount_fen, share.claimed_ms, parent.terms.lineage)
        return self._send_on(sender, source, packet, share_count)

    @rule(target=pending, sender=people, share_count=st.integers(1, 5))
    def send_packet_on(self, sender: PersonId, share_count: int) -> Any:
        packet = ParentPacket(300, START_MS, ())
        return self._send_on(sender, StockPacket(StockId("spring.r01")), packet, share_count)

    def _send_on(self, sender: PersonId, source: Source, packet: ParentPacket, share_count: int) -> Any:
        order = Order(
            sender, self._request_id(), EnvelopeKind.LUCKY, Friends(), 0, share_count, "", source=source
        )
        fits = (
            (sender, source) not in self.sent_on
            and len(packet.lineage) < LIMITS.depth_max
            and packet.amount_fen >= share_count * LIMITS.share_fen_min
            and self.world.now_ms <= packet.got_ms + LIMITS.reissue_ms
        )
        placed = self._place(order, packet, fits=fits)
        if isinstance(placed, int):
            self.sent_on[sender, source] = EnvelopeId(placed)
        return placed

    def _place(self, order: Order, packet: ParentPacket | None, *, fits: bool) -> Any:
        full = self._is_full(order.sender_id)
        try:
            envelope = self.world.order(order, packet)
        except ServiceError as refused:
            assert full or not fits, refused
            return multiple()
        assert fits
        assert not full
        assert self.world.order(order, packet) is envelope, "the same request is the same envelope"
        self.orders[envelope.terms.envelope_id] = envelope.terms.order
        return envelope.terms.envelope_id

    def _is_full(self, sender: PersonId) -> bool:
        book = self.world.of(sender).book
        phases = [(envelope.terms.order.sender_id, envelope.phase) for envelope in book.all()]
        unended = {EnvelopePhase.PENDING, EnvelopePhase.OPEN}
        return (
            sum(who == sender and phase in unended for who, phase in phases) >= LIMITS.open_per_person_max
            or sum(who == sender for who, _ in phases) >= LIMITS.kept_per_person_max
            or sum(phase is EnvelopePhase.PENDING for _, phase in phases) >= LIMITS.pending_max
            or len(phases) >= LIMITS.per_shard_max
        )

    @rule(target=envelopes, envelope_id=consumes(pending), told=st.booleans())
    def fund(self, envelope_id: EnvelopeId, told: bool) -> Any:  # noqa: FBT001 - drawn by Hypothesis
        envelope = self.world.of(envelope_id).book.envelope(envelope_id)
        order = envelope.terms.order
        try:
            self.world.hold(envelope.terms)
            if not told:
                # The answer was lost: whoever owns the shard asks again, and nothing is taken twice.
                self.world.hold(envelope.terms)
        except ServiceError as refused:
            assert refused.reason in {"WALLET_INSUFFICIENT", "HOLD_TOO_LATE"}
            self.world.refuse(envelope, Refusal(RefusalCause.BALANCE, 1))
            self._taken_back(envelope_id)
            return multiple()
        self.world.open(envelope_id)
        self.expected_fen[order.sender_id] -= order.amount_fen
        self.opened.add(envelope_id)
        return envelope_id

    @rule(target=late_holds, envelope_id=consumes(pending), held_before=st.booleans())
    def give_up(self, envelope_id: EnvelopeId, held_before: bool) -> EnvelopeId:  # noqa: FBT001 - as above
        """Allocation was told no, though an attempt whose answer was lost may have taken the money."""
        envelope = self.world.of(envelope_id).book.envelope(envelope_id)
        if held_before:
            self._try_to_hold(envelope_id)
        self.world.refuse(envelope, Refusal(RefusalCause.OTHER))
        self._taken_back(envelope_id)
        return envelope_id

    @rule(envelope_id=late_holds)
    def hold_late(self, envelope_id: EnvelopeId) -> None:
        """An attempt that was held up somewhere arrives when nobody waits for it any more."""
        self._try_to_hold(envelope_id)

    def _try_to_hold(self, envelope_id: EnvelopeId) -> None:
        envelope = self.world.of(envelope_id).book.find(envelope_id)
        if envelope is not None:
            try:
                self.world.hold(envelope.terms)
            except ServiceError as refused:
                assert refused.reason in {"WALLET_INSUFFICIENT", "HOLD_TOO_LATE"}

    def _taken_back(self, envelope_id: EnvelopeId) -> None:
        order = self.orders[envelope_id]
        if order.source is not None:
            del self.sent_on[order.sender_id, order.source]

    @rule(envelope_id=envelopes, person=people)
    def claim(self, envelope_id: EnvelopeId, person: PersonId) -> None:
        shares, order = self.shares[envelope_id], self.orders[envelope_id]
        kept = self.world.of(envelope_id).book.find(envelope_id)
        ended = (
            kept is None or kept.phase is EnvelopePhase.EXPIRED or self.world.now_ms >= kept.terms.expires_ms
        )
        try:
            share = self.world.claim(envelope_id, person)
        except ServiceError as refused:
            assert person not in shares or kept is None
            assert ended or len(shares) == order.share_count, refused
            return
        if person in shares:
            assert share.amount_fen == shares[person], "what was told stays"
            return
        assert not ended
        assert share.index == len(shares) < order.share_count
        assert share.amount_fen >= LIMITS.share_fen_min
        shares[person] = share.amount_fen
        self.expected_fen[person] += share.amount_fen
        assert sum(shares.values()) <= order.amount_fen
        if len(shares) == order.share_count:
            assert sum(shares.values()) == order.amount_fen

    @rule(target=asks, asker=people, giver=people, amount_fen=st.integers(0, 900))
    def ask(self, asker: PersonId, giver: PersonId, amount_fen: int) -> Any:
        request_id = self._request_id()
        ask_id = ask_id_of(asker, request_id, giver, SHARDS)
        terms = AskTerms(ask_id, asker, request_id, giver, amount_fen, "讨", self.world.now_ms + 24 * HOUR_MS)
        try:
            ask = self.world.ask(terms)
        except ServiceError as refused:
            assert refused.reason in {
                "SELF_ASK",
                "AMOUNT_TOO_LARGE",
                "ASKS_TOO_MANY",
                "ASKS_REPEATED",
                "ASKS_FULL",
            }
            return multiple()
        assert asker != giver
        assert self.world.ask(terms) is ask
        return terms

    @rule(target=pending, terms=asks, amount_fen=st.integers(2, 300))
    def answer(self, terms: AskTerms, amount_fen: int) -> Any:
        giver = self.world.of(terms.giver_id)
        ask = next((ask for ask in giver.asks.all() if ask.terms == terms), None)
        is_open = ask is not None and ask.phase is AskPhase.OPEN and self.world.now_ms < terms.expires_ms
        audience = OnePerson(terms.asker_id)
        order = Order(
            terms.giver_id,
            self._request_id(),
            EnvelopeKind.SINGLE,
            audience,
            amount_fen,
            1,
            "",
            ask_id=terms.ask_id,
        )
        return self._place(order, None, fits=is_open)

    @rule(hours=st.sampled_from([1, 5, 24, 50, 100]))
    def pass_time(self, hours: int) -> None:
        left = {
            envelope.terms.envelope_id: envelope.left_fen
            for envelopes in self.world.shards
            for envelope in envelopes.book.all()
            if envelope.phase is EnvelopePhase.OPEN
            and envelope.terms.expires_ms <= self.world.now_ms + hours * HOUR_MS
        }
        self.world.pass_time(hours * HOUR_MS)
        for envelope_id, left_fen in left.items():
            self.returned[envelope_id] += 1
            self.expected_fen[self.orders[envelope_id].sender_id] += left_fen

    @rule(shard=st.integers(0, SHARDS - 1), data=st.data())
    def crash_allocation(self, shard: int, data: st.DataObject) -> None:
        self.world.crash(shard, data.draw(st.integers(0, len(self.world.journals[shard]))))

    @rule(shard=st.integers(0, SHARDS // 2 - 1), data=st.data())
    def crash_settlement(self, shard: int, data: st.DataObject) -> None:
        books = self.world.books
        books.crash(shard, data.draw(st.integers(0, len(books.journals[shard]))))

    @rule(shard=st.integers(0, SHARDS // 2 - 1), records=st.integers(1, 3), data=st.data())
    def deliver(self, shard: int, records: int, data: st.DataObject) -> None:
        books = self.world.books
        source = data.draw(st.sampled_from(books.sources(shard)))
        books.deliver(shard, source, records=records)

    @invariant()
    def books_are_sound(self) -> None:
        books = self.world.books.books()
        assert books.sound, [line for line in books.lines if line.difference_fen]
        assert all(times == 1 for times in self.returned.values())

    def teardown(self) -> None:
        books = self.world.books
        books.deliver_all()
        for person in PEOPLE:
            held_for_nothing = sum(
                envelope.terms.order.amount_fen
                for envelope in self.world.of(person).book.pending()
                if envelope.terms.order.sender_id == person
                and books.balance_fen(f"envelope:{envelope.terms.envelope_id}")
            )
            assert books.wallet_fen(person) == self.expected_fen[person] - held_for_nothing
        for envelope_id in self.orders:
            envelope = self.world.of(envelope_id).book.find(envelope_id)
            balance_fen = books.balance_fen(f"envelope:{envelope_id}")
            if envelope is None or envelope.ended_ms is not None:
                assert balance_fen == 0
            elif envelope.phase is EnvelopePhase.OPEN:
                assert balance_fen == envelope.left_fen
            assert shard_of(envelope_id, SHARDS) == shard_of(self.orders[envelope_id].sender_id, SHARDS)


TestDay = Day.TestCase
TestDay.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
