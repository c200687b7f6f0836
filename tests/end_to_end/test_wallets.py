"""A person's way, on a mesh of processes: from a provisional guest to money at the bank."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as allocation_events
from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import wallet_pb2
from services.cli.gala.acts.settle import money_of
from services.cli.gala.banking import Banking
from services.cli.gala.people import Player, give_parts, invent_people
from services.cli.gala.players import Phones
from services.cli.local_mesh.layout import BANK_REFUSED_ENDING_FEN
from services.cli.operator import Operator, connected, timestamp
from services.mesh.callgraph import PLAYER
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings
from tests.end_to_end.command import hongbao, mesh_up, new_place

CAMPAIGN, ROUND = "gala-wallets", "round-1"
SPONSOR = 2016
PACKET_FEN = 880
PACKETS_PER_SHARD = 4
WAIT_S = 60.0
PAID_FEN = 300
REFUSED_FEN = 300 + BANK_REFUSED_ENDING_FEN


@dataclass(frozen=True, slots=True)
class Stage:
    """Two accounts, of whom nobody knows yet that they are one person's, and what their apps call."""

    operator: Operator
    phones: Phones
    banking: Banking
    first: Player
    second: Player

    async def comes_to(self, player: Player, wanted: Callable[[gateway.GetWalletResponse], bool]) -> Any:
        """The player's wallet, as soon as it is as wanted."""
        async with asyncio.timeout(WAIT_S):
            while not wanted(wallet := await self.banking.wallet(player)):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.1)
            return wallet

    async def refused(self, act: Callable[[], Awaitable[Any]]) -> ServiceError:
        """With what something is refused."""
        with pytest.raises(ServiceError) as refusal:
            await act()
        return refusal.value


async def test_winnings_wait_arrive_once_and_are_paid_out(tmp_path: Path) -> None:
    place = new_place(tmp_path / "home")
    async with mesh_up(place) as mesh, connected(mesh.etcd_endpoint, MeshSettings()) as operator:
        apps = ChannelFactory(MeshSettings(), PLAYER)
        try:
            channel = apps.channel(mesh.gateway_address)
            # Nobody is verified in time.
            players = invent_people(2, "wallets")
            give_parts(players, late=1, seconds=1)
            stage = Stage(
                operator,
                Phones(channel, CAMPAIGN),
                Banking(channel),
                first=players[0],
                second=players[1],
            )
            await _both_win_as_provisional_people(stage)
            await _what_they_won_waits(stage)
            await _the_first_verifies_and_has_it(stage)
            await _the_second_is_the_same_person(stage)
            await _money_goes_to_a_bank_card(stage)
            await _one_person_is_paid_once(stage)
            await _the_statement_adds_up(stage)
        finally:
            await apps.close()
        books = await hongbao("books", f"--home={place.home}")
        assert books.exit_code == 0, books.complaints + books.output
        audit = await hongbao("audit", f"--home={place.home}")
        assert audit.exit_code == 0, audit.complaints + audit.output


async def _both_win_as_provisional_people(stage: Stage) -> None:
    await asyncio.gather(*(stage.phones.sign_up(player) for player in (stage.first, stage.second)))
    assert stage.first.person_id != stage.second.person_id
    packets = PACKETS_PER_SHARD * MeshSettings().allocation_shards
    await stage.operator.deposit(SPONSOR, packets * PACKET_FEN)
    await stage.operator.create_campaign(CAMPAIGN, SPONSOR, "Wallets", packets * PACKET_FEN)
    opens_at = datetime.now(UTC) + timedelta(seconds=1)
    await stage.operator.create_round(
        allocation.CreateRoundRequest(
            campaign_id=CAMPAIGN,
            round_id=ROUND,
            opens_at=timestamp(opens_at),
            closes_at=timestamp(opens_at + timedelta(seconds=10)),
            budget_fen=packets * PACKET_FEN,
            packet_count=packets,
            packet_min_fen=PACKET_FEN,
            packet_max_fen=PACKET_FEN,
            release_curve=allocation_events.RELEASE_CURVE_IMMEDIATE,
        )
    )
    await asyncio.gather(*(_win(stage, player) for player in (stage.first, stage.second)))


async def _win(stage: Stage, player: Player) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await stage.phones.tap(player, ROUND, 1)
            if answer.outcome in (gateway.TAP_OUTCOME_WON, gateway.TAP_OUTCOME_ALREADY_WON):
                assert answer.amount_fen == PACKET_FEN
                player.packets_fen[ROUND] = answer.amount_fen
                return
            await asyncio.sleep(0.15)


async def _what_they_won_waits(stage: Stage) -> None:
    for player in (stage.first, stage.second):
        wallet = await stage.comes_to(player, lambda wallet: wallet.waiting_fen > 0)
        assert (wallet.balance_fen, wallet.available_fen, wallet.waiting_fen) == (0, 0, PACKET_FEN)
        (item,) = wallet.waiting
        assert (item.campaign_id, item.round_id, item.amount_fen) == (CAMPAIGN, ROUND, PACKET_FEN)
        assert item.returned_at.ToMilliseconds() > item.since.ToMilliseconds()
        assert wallet.tier == gateway.TIER_UNSPECIFIED
    refusal = await stage.refused(lambda: stage.banking.withdraw(stage.first, card_id=1, amount_fen=PAID_FEN))
    assert refusal.reason == "PERSON_UNVERIFIED"
    assert refusal.localized


async def _the_first_verifies_and_has_it(stage: Stage) -> None:
    provisional_id = stage.first.person_id
    await stage.phones.verify(stage.first)
    # Nobody knew the resident ID before, so nothing moves but what waits.
    assert stage.first.person_id == provisional_id
    wallet = await stage.comes_to(stage.first, lambda wallet: wallet.available_fen > 0)
    assert (wallet.balance_fen, wallet.available_fen, wallet.waiting_fen) == (PACKET_FEN, PACKET_FEN, 0)
    assert (wallet.tier, wallet.limit_fen, wallet.limit_period) == (gateway.TIER_I, 100_000, "lifetime")


async def _the_second_is_the_same_person(stage: Stage) -> None:
    before = Player(0, "", "", "", token=stage.second.token)
    await stage.phones.verify(stage.second)
    assert stage.second.person_id == stage.first.person_id
    # The app that still has the old token is told whom to ask for.
    old = await stage.comes_to(before, lambda wallet: wallet.merged_into_person_id != 0)
    assert old.merged_into_person_id == stage.first.person_id


async def _money_goes_to_a_bank_card(stage: Stage) -> None:
    card_id = await stage.banking.bind_card(stage.first)
    paid = await stage.banking.withdraw(stage.first, card_id, PAID_FEN)
    assert paid.state == wallet_pb2.WITHDRAWAL_STATE_SUCCEEDED
    assert (paid.amount_fen, paid.card_id) == (PAID_FEN, card_id)
    assert paid.card_masked.startswith("****")
    assert paid.bank_reference
    refused = await stage.banking.withdraw(stage.first, card_id, REFUSED_FEN)
    assert refused.state == wallet_pb2.WITHDRAWAL_STATE_FAILED
    assert refused.failure == wallet_pb2.WITHDRAWAL_FAILURE_LIMIT_AT_BANK
    assert "back in the wallet" in refused.advice
    wallet = await stage.banking.wallet(stage.first)
    assert (wallet.balance_fen, wallet.pending_fen) == (PACKET_FEN - PAID_FEN, 0)
    # What came back does not count against the tier.
    assert wallet.limit_left_fen == wallet.limit_fen - PAID_FEN
    too_much = await stage.refused(lambda: stage.banking.withdraw(stage.first, card_id, PACKET_FEN))
    assert too_much.reason == "WALLET_INSUFFICIENT"


async def _one_person_is_paid_once(stage: Stage) -> None:
    """Once the round is over, the second account's packet goes back to the sponsor."""
    async with asyncio.timeout(WAIT_S):
        while not money_of(await stage.operator.books(), CAMPAIGN).twice_fen:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.2)
    wallet = await stage.banking.wallet(stage.second)
    assert (wallet.balance_fen, wallet.waiting_fen) == (PACKET_FEN - PAID_FEN, 0)
    money = money_of(await stage.operator.books(), CAMPAIGN)
    assert (money.twice_fen, money.arrived_fen, money.expired_fen) == (PACKET_FEN, PACKET_FEN, 0)


async def _the_statement_adds_up(stage: Stage) -> None:
    entries, opening_fen, closing_fen = await stage.banking.statement(stage.first)
    assert opening_fen + sum(entry.amount_fen for entry in entries) == closing_fen == PACKET_FEN - PAID_FEN
    assert entries[-1].balance_fen == closing_fen
    told = [(entry.title, entry.entry_fen, entry.amount_fen) for entry in entries]
    assert told == [
        ("Winnings that had waited for your verification", PACKET_FEN, PACKET_FEN),
        ("Withdrawal to a bank card: reserved", PAID_FEN, 0),
        ("Withdrawal to a bank card", PAID_FEN, -PAID_FEN),
        ("Withdrawal to a bank card: reserved", REFUSED_FEN, 0),
        ("Withdrawal to a bank card: released", REFUSED_FEN, 0),
    ]
