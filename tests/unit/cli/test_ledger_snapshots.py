"""What the audit finds in a snapshot that was altered: everything that an owner would start from."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import withdrawal_events_pb2 as withdrawal_pb
from services.cli.proofs.ledger.snapshots import first_difference
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.commands import hold_refused
from services.settlement.domain.state import SettlementState
from services.settlement.domain.withdrawals.commands import WithdrawalRequest, request_withdrawal
from tests.unit.settlement.people.world import PARTS, SHARDS, PeopleWorld
from tests.unit.settlement.withdrawals.house import LIMITS
from tests.unit.settlement.world import SPONSOR, persons, two_rounds

PART = 1
KNOWN, GUEST, OTHER = persons(PART, PARTS, 3)
HOME = shard_of(KNOWN, SHARDS)


@pytest.fixture(scope="module")
def kept() -> bytes:
    """A shard's snapshot, with something in it of every kind."""
    world = PeopleWorld()
    two_rounds(world)
    world.verify(KNOWN, tier=2)
    world.packets_won(PART, [KNOWN, GUEST, OTHER], [30, 20, 10])
    world.settle()
    world.merge(OTHER, KNOWN)
    world.settle()
    state = world.states[HOME]
    state.people.everybody = True  # Cards are not what this is about.
    asked = WithdrawalRequest(
        KNOWN, "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10", 1, LIMITS.amount_fen_min, world.now_ms + 1000
    )
    world.commit(HOME, _gift(world, LIMITS.amount_fen_min))
    world.commit(HOME, request_withdrawal(state, asked, LIMITS, world.now_ms))
    world.commit(HOME, hold_refused(state, "spring.r09", world.now_ms + 1000, world.now_ms))
    return state.snapshot()


def _gift(world: PeopleWorld, amount_fen: int) -> pb.SettlementEvent:
    position = pb.FeedPosition(source="toy/0", source_seq=1, reported_fen=amount_fen)
    transfer = pb.Transfer(
        transfer_id="toy/0:1:0:0",
        debit_account_id=f"bank_clearing:{world.states[HOME].shard}",
        credit_account_id=f"wallet:{KNOWN}",
        amount_fen=amount_fen,
        code=pb.TRANSFER_CODE_DEPOSIT,
    )
    return pb.SettlementEvent(position=position, transfers=[transfer])


def _restored(snapshot: pb.ShardSnapshot | bytes) -> SettlementState:
    state = SettlementState(HOME, SHARDS)
    state.restore(snapshot if isinstance(snapshot, bytes) else snapshot.SerializeToString())
    return state


def _alter(change: Callable[[pb.ShardSnapshot], None], snapshot: bytes) -> pb.ShardSnapshot:
    altered = pb.ShardSnapshot.FromString(snapshot)
    change(altered)
    assert altered.SerializeToString() != snapshot
    return altered


def test_the_same_state_differs_in_nothing_whatever_the_order_is(kept: bytes) -> None:
    def turn_around(snapshot: pb.ShardSnapshot) -> None:
        for column in (snapshot.accounts, snapshot.feeds, snapshot.waiting.items):
            rows = list(column)[::-1]
            del column[:]
            column.extend(rows)  # type: ignore[arg-type]  # each its own

    assert first_difference(_restored(_alter(turn_around, kept)), _restored(kept)) is None


def _pay_somebody(snapshot: pb.ShardSnapshot) -> None:
    snapshot.wallet_balances_fen[0] += 1


def _raise_a_tier(snapshot: pb.ShardSnapshot) -> None:
    snapshot.people.tiers = b"\x03" * len(snapshot.people.tiers)


def _give_what_waits_to_another_sponsor(snapshot: pb.ShardSnapshot) -> None:
    snapshot.waiting.items[0].sponsor_id = SPONSOR + 1


def _say_that_an_order_was_sent(snapshot: pb.ShardSnapshot) -> None:
    snapshot.withdrawals[0].state = withdrawal_pb.WITHDRAWAL_STATE_SUBMITTED


def _forget_a_refusal(snapshot: pb.ShardSnapshot) -> None:
    del snapshot.refused_holds[:]


def _read_a_feed_again(snapshot: pb.ShardSnapshot) -> None:
    snapshot.feeds[0].cursor_seq -= 1


def _forget_a_transfer(snapshot: pb.ShardSnapshot) -> None:
    del snapshot.transfer_ids[-1]
    snapshot.transfer_digests = snapshot.transfer_digests[:-16]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_pay_somebody, "wallet:"),
        (_raise_a_tier, "people"),
        (_give_what_waits_to_another_sponsor, "waiting"),
        (_say_that_an_order_was_sent, "withdrawals"),
        (_forget_a_refusal, "refused_holds"),
        (_read_a_feed_again, "cursors"),
        (_forget_a_transfer, "digests"),
    ],
)
def test_whatever_was_altered_is_named(
    kept: bytes, change: Callable[[pb.ShardSnapshot], None], named: str
) -> None:
    assert str(first_difference(_restored(_alter(change, kept)), _restored(kept))).startswith(named)
