"""Frozen accounts: what cannot leave them, what can, and who waits."""

from __future__ import annotations

import pytest

from hongbao.settlement.v1 import transfer_events_pb2 as facts
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import shard_of_account
from services.settlement.domain.effects import next_effect
from services.settlement.domain.envelopes import create_wallet_hold
from services.settlement.domain.errors import (
    AccountFrozen,
    AccountUnknown,
    FundsInTransit,
    RequestIdReused,
)
from services.settlement.domain.freezing import freeze_account
from services.settlement.domain.state import SettlementState
from services.settlement.domain.wallet_holds import WalletHold
from tests.unit.settlement.world import World, funded, persons

ESCROW = "escrow:spring.r01:0"


def freeze(world: World, account_id: str, number: int = 1, *, frozen: bool = True) -> None:
    shard = shard_of_account(account_id, world.settlement)
    decided = facts.AccountFrozen(
        account_id=account_id,
        frozen=frozen,
        reason="a court says so",
        operator="han.meimei",
        request_id=f"{number:08x}-0000-4000-8000-000000000000",
    )
    world.commit(shard, freeze_account(world.states[shard], decided))


def test_a_feed_that_debits_a_frozen_account_waits_until_it_is_freed() -> None:
    world = funded([100, 100])
    [person] = persons(0, 4, 1)
    freeze(world, ESCROW)
    world.packets_won(0, [person], [30])
    record = world.feed("allocation/0")[0]
    with pytest.raises(FundsInTransit, match=f"waits until {ESCROW} is freed"):
        next_effect(world.states[0], "allocation/0", 1, record, 10)
    world.deliver_all()
    assert world.balance_fen(f"wallet:{person}") == 0
    freeze(world, ESCROW, 2, frozen=False)
    world.deliver_all()
    assert world.balance_fen(f"wallet:{person}") == 30


def test_money_that_feeds_bring_arrives_in_a_frozen_account() -> None:
    world = funded([100, 100])
    [person] = persons(0, 4, 1)
    world.packets_won(0, [person], [30])
    world.deliver_all()
    freeze(world, f"wallet:{person}")
    freeze(world, "sponsor:7", 2)
    world.packets_won(0, [person], [20])
    world.stock_closed(0, 50, 50)
    before_fen = world.balance_fen("sponsor:7")
    world.deliver_all()
    assert world.balance_fen(f"wallet:{person}") == 50
    assert world.balance_fen("sponsor:7") == before_fen + 50


def test_nothing_leaves_a_frozen_wallet_or_sponsor_by_a_hold() -> None:
    world = funded([100, 100])
    [person] = persons(0, 4, 1)
    world.packets_won(0, [person], [30])
    world.deliver_all()
    freeze(world, f"wallet:{person}")
    freeze(world, "sponsor:7", 2)
    shard = shard_of(person, world.settlement)
    envelope = persons(shard, world.settlement, 1)[0]
    with pytest.raises(AccountFrozen) as refused:
        create_wallet_hold(world.states[shard], WalletHold(envelope, person, 10, 1000), 0)
    assert refused.value.metadata == {"account_id": f"wallet:{person}"}
    with pytest.raises(AccountFrozen) as refused:
        world.hold_round([1], "spring.r02")
    assert refused.value.metadata == {"account_id": "sponsor:7"}


def test_the_same_request_again_does_not_freeze_what_was_freed_since() -> None:
    world = funded([100, 100])
    freeze(world, ESCROW)
    freeze(world, ESCROW, 2, frozen=False)
    freeze(world, ESCROW)
    assert ESCROW not in world.states[0].ledger.frozen
    with pytest.raises(RequestIdReused):
        freeze(world, ESCROW, 2)


def test_an_account_that_nobody_knows_cannot_be_frozen() -> None:
    with pytest.raises(AccountUnknown):
        freeze(World(), "sponsor:7")


def test_who_froze_an_account_and_why_outlives_a_snapshot() -> None:
    world = funded([100, 100])
    freeze(world, ESCROW)
    kept = SettlementState(0, world.settlement)
    kept.restore(world.states[0].snapshot())
    assert kept.ledger.frozen == world.states[0].ledger.frozen
    assert kept.snapshot() == world.states[0].snapshot()
    assert (kept.ledger.frozen[next(iter(kept.ledger.frozen))].operator) == "han.meimei"
