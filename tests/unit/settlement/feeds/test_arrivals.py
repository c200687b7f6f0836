"""Money that comes from other shards."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import AccountCode
from services.settlement.domain.effects import next_effect
from services.settlement.domain.errors import Contradiction
from tests.unit.settlement.world import ROUND, World, funded


def test_money_that_arrives_arrives_once() -> None:
    world = World()
    world.deposit(100)
    world.hold_round([25, 25, 25, 25])
    home = shard_of(7, 2)
    for _ in range(3):
        world.deliver(1 - home, f"settlement/{home}", after_seq=0)
    assert world.balance_fen(f"escrow:spring.r01:{1 - home}") == 25
    assert world.books().in_transit_fen == 0


@pytest.mark.parametrize("closed_before", [False, True])
def test_a_hold_under_another_sponsors_id_goes_back_and_stops_no_feed(*, closed_before: bool) -> None:
    world = funded([100, 100])
    stranger = next(person for person in range(8, 100) if shard_of(person, 2) != shard_of(7, 2))
    if closed_before:
        world.stock_closed(0, 0, 100)
        world.stock_closed(1, 0, 100)
        world.deliver_all()
    world.deposit(50, sponsor_id=stranger)
    home = shard_of(stranger, 2)
    # Its money travels: on the sponsor's own shard the conflict would be known at once.
    parts_fen = [50, 0] if home == 1 else [0, 50]
    world.hold_round(parts_fen, sponsor_id=stranger)
    assert world.balance_fen(f"sponsor:{stranger}") == 0
    world.deliver_all()
    assert world.balance_fen(f"sponsor:{stranger}") == 50
    assert world.states[home].registers.returned_fen == {ROUND: 50}
    assert world.total_fen(AccountCode.ESCROW) == (0 if closed_before else 200)
    assert not world.total_fen(AccountCode.IN_TRANSIT)
    assert world.books().difference_fen == 0


def test_money_for_an_account_that_lives_elsewhere_contradicts_the_books() -> None:
    world = World()
    stray = pb.Transfer(
        transfer_id="stray",
        debit_account_id="sponsor:7",
        credit_account_id="in_transit:0:1",
        amount_fen=1,
        code=pb.TRANSFER_CODE_ROUND_HOLD,
        onward=pb.Onward(shard=1, credit_account_id="escrow:spring.r01:2"),
    )
    with pytest.raises(Contradiction, match="not kept here"):
        next_effect(world.states[1], "settlement/0", 1, pb.SettlementEvent(transfers=[stray]), 10)
