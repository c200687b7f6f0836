"""Settlement dies while a dispute is decided and paid; it is paid once, whoever has to ask again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hongbao.settlement.v1 import dispute_events_pb2
from services.cli.bench.settle_plan import Sizes, plan_settlement
from services.settlement.domain import accounts
from tests.integration.crashes.crash_mesh import Nursery
from tests.integration.crashes.dispute_play import (
    DECIDING,
    ENTRY_FEN,
    OWED_FEN,
    PAYING,
    PERSON,
    SHARD,
    DisputePlay,
)
from tests.integration.crashes.test_settling import folded

PLAN = plan_settlement(Sizes(100, 1, 50, settlement_shards=2, allocation_shards=2, cards_shards=2))
"""Says how many shards there are; its feeds are there, and never speak."""


@pytest.mark.parametrize("point", DECIDING)
async def test_settlement_dies_while_a_dispute_is_decided(
    point: str, nursery: Nursery, tmp_path: Path
) -> None:
    async with DisputePlay(nursery, tmp_path, PLAN).serving() as play:
        await play.open()
        await play.fund_compensation()
        await play.replace_by_victim(point)
        decided, _ = await asyncio.gather(play.decide(), play.until_dead(point))
        assert decided.state == dispute_events_pb2.DISPUTE_STATE_PAID
        await expect_paid_once(play, tmp_path)


@pytest.mark.parametrize("point", PAYING)
async def test_settlement_dies_while_it_pays_what_had_to_wait(
    point: str, nursery: Nursery, tmp_path: Path
) -> None:
    async with DisputePlay(nursery, tmp_path, PLAN).serving() as play:
        await play.open()
        assert (await play.decide()).state == dispute_events_pb2.DISPUTE_STATE_APPROVED
        await play.replace_by_victim(point)
        await asyncio.gather(play.fund_compensation(), play.until_dead(point))
        await play.until_paid()
        await expect_paid_once(play, tmp_path)


async def expect_paid_once(play: DisputePlay, folder: Path) -> None:
    """The journal alone says that the person has the entry and what was owed, and the fund the rest."""
    assert (await play.decide()).payment.amount_fen == OWED_FEN
    await play.kill()
    state = folded(SHARD, PLAN.sizes.settlement_shards, folder)
    assert state.ledger.wallets == {PERSON: ENTRY_FEN + OWED_FEN}
    assert state.ledger.balance_fen(accounts.compensation(SHARD)) == ENTRY_FEN - OWED_FEN
    assert state.disputes.paid_fen == OWED_FEN
