"""Envelopes' money: what a call takes, and what a feed may say afterwards."""

from __future__ import annotations

import pytest

from hongbao.allocation.v1 import envelope_events_pb2 as envelopes
from hongbao.allocation.v1 import events_pb2 as allocation
from services.mesh.timestamps import timestamp
from services.settlement.domain.envelopes import create_wallet_hold
from services.settlement.domain.errors import Contradiction, HoldTooLate, WalletInsufficient
from services.settlement.domain.state import SettlementState
from services.settlement.domain.wallet_holds import WalletHold
from tests.unit.settlement.world import World, persons

SHARDS, PARTS = 2, 4
SENDER, ENVELOPE, *_ = persons(0, PARTS, 4)
NEIGHBOUR = persons(2, PARTS, 1)[0]
STRANGER = persons(1, PARTS, 1)[0]
ENDS_MS = 1_000
HOLD = WalletHold(ENVELOPE, SENDER, 60, ENDS_MS)


@pytest.fixture
def world() -> World:
    """A sender with 100 fen, of which 60 are in an envelope."""
    made = World(SHARDS, PARTS, PARTS)
    made.deposit(100)
    made.hold_round([100, 0, 0, 0])
    made.packets_won(0, [SENDER], [100])
    made.stock_closed(0, 100, 0)
    made.deliver_all()
    made.commit(0, create_wallet_hold(made.states[0], HOLD, now_ms=0))
    return made


def claimed(person_id: int, amount_fen: int, *, last: bool = False) -> envelopes.EnvelopeEvent:
    share = envelopes.ShareClaimed(
        envelope_id=ENVELOPE, person_id=person_id, amount_fen=amount_fen, last=last
    )
    return envelopes.EnvelopeEvent(share_claimed=share)


def expired(claimed_fen: int, returned_fen: int, sender_id: int = SENDER) -> envelopes.EnvelopeEvent:
    end = envelopes.EnvelopeExpired(
        envelope_id=ENVELOPE, sender_id=sender_id, claimed_fen=claimed_fen, returned_fen=returned_fen
    )
    return envelopes.EnvelopeEvent(expired=end)


def refused(amount_fen: int = 60) -> envelopes.EnvelopeEvent:
    end = envelopes.EnvelopeRefused(
        envelope_id=ENVELOPE, sender_id=SENDER, amount_fen=amount_fen, fund_ends_at=timestamp(ENDS_MS)
    )
    return envelopes.EnvelopeEvent(refused=end)


def tell(world: World, *told: envelopes.EnvelopeEvent) -> None:
    world.feeds["allocation/0"].extend(allocation.AllocationEvent(envelope=event) for event in told)
    world.deliver_all()


def test_shares_go_to_wallets_wherever_those_are(world: World) -> None:
    assert world.balance_fen(f"wallet:{SENDER}") == 40
    assert world.balance_fen(f"envelope:{ENVELOPE}") == 60
    tell(world, claimed(NEIGHBOUR, 25), claimed(STRANGER, 35, last=True))
    assert world.balance_fen(f"wallet:{NEIGHBOUR}") == 25
    assert world.balance_fen(f"wallet:{STRANGER}") == 35
    assert world.balance_fen(f"envelope:{ENVELOPE}") == 0
    books = world.books()
    assert books.sound
    assert books.in_transit_fen == 0


def test_what_is_left_goes_back_to_the_sender(world: World) -> None:
    tell(world, claimed(STRANGER, 35), expired(35, 25))
    assert world.balance_fen(f"wallet:{SENDER}") == 65
    assert world.books().sound


def test_an_envelope_that_was_given_up_costs_nothing_and_takes_nothing_later(world: World) -> None:
    tell(world, refused())
    assert world.balance_fen(f"wallet:{SENDER}") == 100
    assert create_wallet_hold(world.states[0], HOLD, now_ms=0) is None
    assert world.balance_fen(f"wallet:{SENDER}") == 100


def test_an_attempt_that_comes_after_the_envelope_was_given_up_takes_nothing() -> None:
    world = World(SHARDS, PARTS, PARTS)
    tell(world, refused())
    with pytest.raises(HoldTooLate):
        create_wallet_hold(world.states[0], HOLD, now_ms=0)


@pytest.mark.parametrize("amount_fen", [60, 61])
def test_an_envelope_that_has_the_id_of_one_that_ended_is_given_none_of_its_money(
    world: World, amount_fen: int
) -> None:
    """Allocation forgets requests after days. On a quiet shard settlement may remember them for longer."""
    tell(world, claimed(STRANGER, 60, last=True))
    later_ms = 1_000 * ENDS_MS
    again = WalletHold(ENVELOPE, SENDER, amount_fen, later_ms + ENDS_MS)
    with pytest.raises(HoldTooLate):
        create_wallet_hold(world.states[0], again, now_ms=later_ms)
    # Allocation gives it up then, and the feed goes on.
    given_up = refused(amount_fen)
    given_up.refused.fund_ends_at.CopyFrom(timestamp(again.ends_ms))
    tell(world, given_up)
    with pytest.raises(HoldTooLate):
        create_wallet_hold(world.states[0], again, now_ms=later_ms)
    holds = world.states[0].registers.wallet_holds
    assert holds.forget(ENDS_MS) == []
    assert holds.forget(again.ends_ms) == [ENVELOPE]
    assert world.balance_fen(f"wallet:{SENDER}") == 40
    assert world.books().sound


def test_a_snapshot_is_of_its_moment_though_it_is_written_out_later(world: World) -> None:
    state = world.states[0]
    now, write_out = state.snapshot(), state.freeze()
    tell(world, claimed(NEIGHBOUR, 25), claimed(STRANGER, 35, last=True))
    another = create_wallet_hold(state, WalletHold(SENDER, SENDER, 10, 5 * ENDS_MS), now_ms=0)
    assert another is not None
    state.apply(1_000, 3 * ENDS_MS, another)
    state.registers.wallet_holds.forget(3 * ENDS_MS)
    assert state.snapshot() != now
    assert write_out() == now
    heir = SettlementState(0, SHARDS)
    heir.restore(now)
    assert heir.snapshot() == now


def test_a_wallet_that_does_not_cover_it_is_left_alone(world: World) -> None:
    with pytest.raises(WalletInsufficient) as failure:
        create_wallet_hold(world.states[0], WalletHold(SENDER, SENDER, 41, ENDS_MS), now_ms=0)
    assert failure.value.metadata["available_fen"] == "40"


@pytest.mark.parametrize(
    "told",
    [
        [claimed(STRANGER, 61)],
        [claimed(STRANGER, 60)],
        [claimed(STRANGER, 59, last=True)],
        [claimed(0, 10)],
        [expired(0, 59)],
        [expired(1, 59)],
        [expired(0, 60, sender_id=NEIGHBOUR)],
        [refused(59)],
        [expired(0, 60), claimed(STRANGER, 1)],
        [expired(0, 60), expired(0, 60)],
        [claimed(STRANGER, 60, last=True), refused()],
    ],
    ids=[
        "more than there is",
        "all of it, but not the last",
        "the last, but not all",
        "for nobody",
        "a fen is missing",
        "another sum was claimed",
        "another person's",
        "another amount was refused",
        "after its end",
        "a second end",
        "refused after it was finished",
    ],
)
def test_what_cannot_be_true_stops_the_feed_and_moves_nothing(
    world: World, told: list[envelopes.EnvelopeEvent]
) -> None:
    with pytest.raises(Contradiction):
        tell(world, *told)
    assert world.books().difference_fen == 0
