"""Envelopes and asks, one rule at a time; what holds over whole days is in `test_envelope_machine`."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hongbao.allocation.v1 import envelope_events_pb2
from services.allocation.domain.envelopes import records
from services.allocation.domain.envelopes.asks import Ask, Asks
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.fold import Envelopes
from services.allocation.domain.envelopes.sources import SentOn, Sources
from services.allocation.domain.envelopes.values import (
    AskId,
    AskPhase,
    AskTerms,
    EnvelopeId,
    EnvelopeKind,
    EnvelopePhase,
    Friends,
    OnePerson,
    Order,
    Refusal,
    RefusalCause,
    StockPacket,
    ask_id_of,
    envelope_id_of,
)
from services.allocation.domain.lucky import lucky_split
from services.allocation.domain.values import PersonId, StockId
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from tests.unit.allocation.envelope_world import (
    ASK_LIMITS,
    HOUR_MS,
    KEPT_MS,
    LIMITS,
    PEOPLE,
    SHARDS,
    EnvelopeWorld,
)

SENDER, *OTHERS = PEOPLE
REQUEST = "6f1c5a4e-8d0b-4c57-9a35-1f2e3d4c5b6a"
LUCKY = Order(SENDER, REQUEST, EnvelopeKind.LUCKY, Friends(), 500, 4, "恭喜发财")


@pytest.fixture
def world() -> EnvelopeWorld:
    return EnvelopeWorld()


@given(
    person=st.integers(1, 2**63 - 1),
    request_id=st.uuids(version=4),
    shard_count=st.sampled_from([1, 2, 8, 64]),
)
def test_an_envelope_lies_where_its_sender_and_their_wallet_do(
    person: int, request_id: uuid.UUID, shard_count: int
) -> None:
    envelope_id = envelope_id_of(PersonId(person), str(request_id), shard_count)
    assert 0 < envelope_id < 2**63
    for fewer in (shard_count, max(1, shard_count // 2), 1):
        assert shard_of(envelope_id, fewer) == shard_of(person, fewer)
    assert envelope_id == envelope_id_of(PersonId(person), str(request_id).upper(), shard_count)


def test_a_lucky_envelope_from_sending_to_the_best_luck(world: EnvelopeWorld) -> None:
    envelope = _funded(world, LUCKY)
    assert envelope.seed_commitment == hashlib.sha256(envelope.seed).digest()
    assert envelope.published_seed == b""
    assert envelope.best_luck_index() is None
    amounts = [world.claim(envelope.terms.envelope_id, person).amount_fen for person in OTHERS[:4]]
    assert tuple(amounts) == lucky_split(envelope.seed, envelope.terms.envelope_id, 500, 4, min_fen=2)
    assert sum(amounts) == 500
    assert envelope.phase is EnvelopePhase.FINISHED
    assert envelope.published_seed == envelope.seed
    assert envelope.best_luck_index() == amounts.index(max(amounts))


def test_equal_shares_are_equal_and_nobody_has_the_best_luck(world: EnvelopeWorld) -> None:
    envelope = _funded(world, replace(LUCKY, kind=EnvelopeKind.EQUAL))
    for person in OTHERS[:4]:
        assert world.claim(envelope.terms.envelope_id, person).amount_fen == 125
    assert envelope.best_luck_index() is None
    assert envelope.seed_commitment == envelope.published_seed == b""


def test_the_same_person_gets_the_same_share_until_the_envelope_is_forgotten(world: EnvelopeWorld) -> None:
    envelope = _funded(world, LUCKY)
    envelope_id = envelope.terms.envelope_id
    share = world.claim(envelope_id, OTHERS[0])
    world.pass_time(25 * HOUR_MS)
    assert envelope.phase is EnvelopePhase.EXPIRED
    assert world.claim(envelope_id, OTHERS[0]) == share
    with pytest.raises(ServiceError, match="ENVELOPE_EXPIRED"):
        world.claim(envelope_id, OTHERS[1])
    world.pass_time(KEPT_MS + 1)
    with pytest.raises(ServiceError, match="ENVELOPE_UNKNOWN"):
        world.claim(envelope_id, OTHERS[0])


def test_nothing_is_given_out_in_the_moment_in_which_the_time_is_over(world: EnvelopeWorld) -> None:
    envelope = _funded(world, LUCKY)
    # No record of the end yet: its owner has just not come to it.
    world.books.now_ms = envelope.terms.expires_ms
    with pytest.raises(ServiceError, match="ENVELOPE_EXPIRED"):
        world.claim(envelope.terms.envelope_id, OTHERS[0])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": EnvelopeKind.SINGLE, "audience": OnePerson(SENDER), "share_count": 1}, "SELF_ENVELOPE"),
        ({"amount_fen": 801}, "AMOUNT_TOO_LARGE"),
        ({"share_count": 6}, "SHARES_TOO_MANY"),
        ({"amount_fen": 7}, "SHARE_TOO_SMALL"),
        ({"kind": EnvelopeKind.EQUAL, "amount_fen": 501}, "AMOUNT_NOT_DIVISIBLE"),
        ({"note": "恭" * 11}, "NOTE_TOO_LONG"),
    ],
)
def test_what_cannot_be_sent(world: EnvelopeWorld, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        world.order(replace(LUCKY, **changes))  # type: ignore[arg-type]  # the table names fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_fen": 499}, "amount_fen"),
        ({"share_count": 3}, "share_count"),
        ({"kind": EnvelopeKind.EQUAL}, "kind"),
        ({"note": ""}, "note"),
        ({"audience": OnePerson(OTHERS[0])}, "audience"),
    ],
)
def test_one_request_is_one_envelope(world: EnvelopeWorld, changes: dict[str, object], field: str) -> None:
    assert world.order(LUCKY) is world.order(LUCKY)
    with pytest.raises(ServiceError, match="ENVELOPE_CONFLICT") as failure:
        world.order(replace(LUCKY, **changes))  # type: ignore[arg-type]  # as above
    assert failure.value.metadata["field"] == field


def test_an_envelope_that_waits_for_its_money_gives_nothing_out(world: EnvelopeWorld) -> None:
    envelope = world.order(LUCKY)
    with pytest.raises(ServiceError, match="ENVELOPE_PENDING"):
        world.claim(envelope.terms.envelope_id, OTHERS[0])
    world.refuse(envelope, Refusal(RefusalCause.OTHER))
    with pytest.raises(ServiceError, match="ENVELOPE_REFUSED"):
        world.claim(envelope.terms.envelope_id, OTHERS[0])


def test_an_ask_whose_envelope_was_refused_is_open_again_also_twice_in_one_millisecond(
    world: EnvelopeWorld,
) -> None:
    asker, giver = OTHERS[0], SENDER
    terms = AskTerms(
        ask_id_of(asker, REQUEST, giver, SHARDS), asker, REQUEST, giver, 0, "讨", world.now_ms + 24 * HOUR_MS
    )
    ask = world.ask(terms)
    for number in range(2):
        request_id = str(uuid.UUID(int=number, version=4))
        answer = Order(
            giver, request_id, EnvelopeKind.SINGLE, OnePerson(asker), 10, 1, "", ask_id=terms.ask_id
        )
        envelope = world.order(answer)
        with pytest.raises(ServiceError, match="ASK_ANSWERED"):
            world.order(replace(answer, request_id=REQUEST))
        if number == 0:
            world.refuse(envelope, Refusal(RefusalCause.BALANCE, 3))
            assert ask.phase is AskPhase.OPEN
    assert ask.phase is AskPhase.ANSWERED
    world.open(envelope.terms.envelope_id)
    world.pass_time(24 * HOUR_MS)
    world.pass_time(KEPT_MS + 1)
    assert list(world.of(giver).asks.all()) == []


def test_readers_of_the_feed_see_neither_seeds_nor_what_people_write(world: EnvelopeWorld) -> None:
    envelope = world.order(LUCKY)
    event = envelope_events_pb2.EnvelopeEvent(created=records.created(envelope.terms, envelope.seed))
    records.conceal(event)
    assert (event.created.seed, event.created.note) == (b"", "")
    assert event.created.amount_fen == 500


def test_settlement_forgets_envelopes_when_nobody_can_ask_for_their_money(world: EnvelopeWorld) -> None:
    books = world.books
    shard = shard_of(SENDER, books.settlement)
    first = _funded(world, LUCKY)
    for person in OTHERS[:4]:
        world.claim(first.terms.envelope_id, person)
    books.deliver_all()
    assert len(books.states[shard].registers.wallet_holds) == 1
    with pytest.raises(ServiceError, match="HOLD_CONFLICT"):
        world.hold(replace(first.terms, order=replace(LUCKY, amount_fen=400)))
    world.pass_time(LIMITS.funding_ms)
    second = _funded(world, replace(LUCKY, request_id=str(uuid.UUID(int=1, version=4)), amount_fen=100))
    holds = books.states[shard].registers.wallet_holds
    assert [hold.envelope_id for hold in holds.all()] == [second.terms.envelope_id]
    before_fen = books.wallet_fen(SENDER)
    with pytest.raises(ServiceError, match="HOLD_TOO_LATE"):
        world.hold(first.terms)
    # Also for an owner whose clock was set back.
    books.now_ms -= LIMITS.funding_ms
    with pytest.raises(ServiceError, match="HOLD_TOO_LATE"):
        world.hold(first.terms)
    assert books.wallet_fen(SENDER) == before_fen
    books.crash(shard, snapshot_seq=len(books.journals[shard]))
    with pytest.raises(ServiceError, match="HOLD_TOO_LATE"):
        world.hold(first.terms)
    assert books.books().sound


def test_nobody_fills_a_shard_alone_with_envelopes_that_are_refused_and_asks_that_are_declined(
    world: EnvelopeWorld,
) -> None:
    asker, giver = OTHERS[0], SENDER
    for number in range(LIMITS.kept_per_person_max):
        request_id = str(uuid.UUID(int=number, version=4))
        world.refuse(world.order(replace(LUCKY, request_id=request_id)), Refusal(RefusalCause.BALANCE, 0))
    with pytest.raises(ServiceError, match="ENVELOPES_TOO_MANY"):
        world.order(LUCKY)
    for number in range(ASK_LIMITS.kept_per_giver_max + 1):
        request_id = str(uuid.UUID(int=number, version=4))
        terms = AskTerms(
            ask_id_of(asker, request_id, giver, SHARDS),
            asker,
            request_id,
            giver,
            0,
            "",
            world.now_ms + HOUR_MS,
        )
        if number == ASK_LIMITS.kept_per_giver_max:
            with pytest.raises(ServiceError, match="ASKS_TOO_MANY"):
                world.ask(terms)
        else:
            declined = envelope_events_pb2.AskDeclined(ask_id=world.ask(terms).terms.ask_id)
            world.commit(giver, envelope_events_pb2.EnvelopeEvent(ask_declined=declined))
    world.pass_time(KEPT_MS + 1)
    world.order(LUCKY)
    world.ask(terms)


def test_what_is_made_again_after_it_was_forgotten_does_not_mix_with_what_was_before() -> None:
    """Possible where settings let requests be forgotten before settlement has answered."""
    sources, asks = Sources(), Asks(0)
    for number in range(3):
        source = StockPacket(StockId(f"spring.r{number}"))
        sources.add(SentOn(source, SENDER, EnvelopeId(5), until_ms=1_000))
        sources.take_back(SENDER, source, EnvelopeId(5))
    assert sources.forgettable_ms() is None
    terms = AskTerms(AskId(9), OTHERS[0], REQUEST, SENDER, 0, "", expires_ms=1_000)
    for envelope_id in (EnvelopeId(5), EnvelopeId(6)):
        asks.add(Ask(terms, made_ms=0))
        asks.answer(terms.ask_id, envelope_id, time_ms=1)
        if envelope_id == 5:
            asks.forget(terms.ask_id)
    asks.reopen(terms.ask_id, EnvelopeId(5))
    assert asks.ask(terms.ask_id).envelope_id == 6


def test_a_snapshot_is_of_its_moment_though_it_is_written_out_later(
    world: EnvelopeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    envelopes = world.of(SENDER)
    claimed, untouched, pending = (
        replace(LUCKY, request_id=str(uuid.UUID(int=number, version=4))) for number in range(3)
    )
    first, second, third = _funded(world, claimed), _funded(world, untouched), world.order(pending)
    world.claim(first.terms.envelope_id, OTHERS[0])
    ask_id = ask_id_of(OTHERS[0], REQUEST, SENDER, SHARDS)
    world.ask(AskTerms(ask_id, OTHERS[0], REQUEST, SENDER, 0, "讨", world.now_ms + 24 * HOUR_MS))
    now = envelopes.snapshot()
    with monkeypatch.context() as patch:
        # Thousands of envelopes take a while to write out, in which the lease would not be kept alive.
        patch.setattr(records, "created", None)
        write_out = envelopes.freeze()
    world.claim(first.terms.envelope_id, OTHERS[1])
    for person in OTHERS[:4]:
        world.claim(second.terms.envelope_id, person)
    world.refuse(third, Refusal(RefusalCause.OTHER))
    world.pass_time(24 * HOUR_MS)
    assert envelopes.snapshot() != now
    assert write_out() == now
    world.pass_time(KEPT_MS + 1)
    assert len(envelopes.book) == 0
    assert write_out() == now


def test_what_has_ended_is_taken_over_from_a_snapshot_without_splitting_it_again(
    world: EnvelopeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = replace(LUCKY, amount_fen=100)
    finished = _funded(world, order)
    expired = _funded(world, replace(order, request_id=str(uuid.UUID(int=1, version=4))))
    for person in OTHERS[:4]:
        world.claim(finished.terms.envelope_id, person)
    world.claim(expired.terms.envelope_id, OTHERS[0])
    world.pass_time(24 * HOUR_MS)
    untouched = _funded(world, replace(order, request_id=str(uuid.UUID(int=2, version=4))))
    taken, heir = world.of(SENDER).snapshot(), Envelopes(shard_of(SENDER, SHARDS))
    with monkeypatch.context() as patch:
        # Of hundreds of thousands it would take longer than a shard may take to be loaded.
        patch.setattr("services.allocation.domain.envelopes.envelope.lucky_split", None)
        heir.restore(taken)
        assert heir.snapshot() == taken
    for envelope in (finished, expired, untouched):
        restored = heir.book.envelope(envelope.terms.envelope_id)
        assert restored.shares() == envelope.shares()
        assert restored.amounts_fen() == envelope.amounts_fen()
        assert restored == envelope


def _funded(world: EnvelopeWorld, order: Order) -> Envelope:
    envelope = world.order(order)
    world.hold(envelope.terms)
    world.open(envelope.terms.envelope_id)
    return envelope
