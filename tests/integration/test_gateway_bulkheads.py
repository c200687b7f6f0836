"""Grabbing, sharing and everything else have rooms of their own: full ones do not fill the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hongbao.gateway.v1 import gateway_pb2, gateway_pb2_grpc, group_pb2, group_pb2_grpc, wallet_pb2
from services.mesh.errors import ServiceError
from tests.contract.bench import Bench
from tests.contract.cases.gateway.provider import provide
from tests.integration.gateway_mesh import CAMPAIGN, ROUND

LIST_FRIENDS = "hongbao.social.v1.SocialService/ListFriends"
LIST_GROUPS = "hongbao.social.v1.GroupService/ListGroups"
LIST_WITHDRAWALS = "hongbao.settlement.v1.WithdrawalService/ListWithdrawals"
GET_WALLET = "hongbao.settlement.v1.SettlementService/GetWallet"


class Player:
    """Calls the gateway as one person."""

    def __init__(self, channel: Any, token: str) -> None:
        self._channel = channel
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def tap(self) -> Any:
        stub = gateway_pb2_grpc.TapServiceStub(self._channel)
        request = gateway_pb2.TapRequest(campaign_id=CAMPAIGN, round_id=ROUND, taps=1)
        return await stub.Tap(request, metadata=self._metadata)

    async def list_friends(self) -> Any:
        stub = gateway_pb2_grpc.FriendServiceStub(self._channel)
        return await stub.ListFriends(gateway_pb2.ListFriendsRequest(), metadata=self._metadata)

    async def list_groups(self) -> Any:
        stub = group_pb2_grpc.GroupServiceStub(self._channel)
        return await stub.ListGroups(group_pb2.ListGroupsRequest(), metadata=self._metadata)

    async def list_withdrawals(self) -> Any:
        stub = gateway_pb2_grpc.WalletServiceStub(self._channel)
        request = wallet_pb2.ListWithdrawalsRequest(page_size=1)
        return await stub.ListWithdrawals(request, metadata=self._metadata)

    async def read_wallet(self) -> Any:
        stub = gateway_pb2_grpc.WalletServiceStub(self._channel)
        return await stub.GetWallet(gateway_pb2.GetWalletRequest(), metadata=self._metadata)


@pytest.mark.parametrize(
    ("held", "stuck", "bulkhead"),
    [
        (LIST_FRIENDS, Player.list_friends, "social"),
        (LIST_GROUPS, Player.list_groups, "share"),
        (LIST_WITHDRAWALS, Player.list_withdrawals, "money"),
        (GET_WALLET, Player.read_wallet, "others"),
        ("claims", Player.tap, "taps"),
    ],
)
async def test_a_service_that_hangs_stops_its_own_kind_of_calls_only(
    held: str, stuck: Callable[[Player], Awaitable[Any]], bulkhead: str, tmp_path: Path
) -> None:
    async with Bench(tmp_path) as bench, provide(bench) as provider:
        await _call(provider.actions["silence"] if held == "claims" else provider.actions["hold"], held)
        channel = bench.channels("player").channel(provider.address)
        token = (await _call(provider.actions["sign_in"], 2))["token"]
        player = Player(channel, token)
        waiting = asyncio.ensure_future(stuck(player))
        for _ in range(50):
            await asyncio.sleep(0)
        answers = {
            name: await _outcome(bench, call)
            for name, call in (
                ("social", player.list_friends),
                ("share", player.list_groups),
                ("money", player.list_withdrawals),
                ("others", player.read_wallet),
                ("taps", player.tap),
            )
        }
        refused = answers.pop(bulkhead)
        assert isinstance(refused, ServiceError)
        assert (refused.reason, refused.metadata["bulkhead"]) == ("OVERLOADED", bulkhead)
        assert not [answer for answer in answers.values() if isinstance(answer, ServiceError)]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _outcome(bench: Bench, call: Callable[[], Awaitable[Any]]) -> Any:
    task = asyncio.ensure_future(call())
    for _ in range(20):
        for _ in range(20):
            await asyncio.sleep(0)
        if task.done():
            break
        await bench.clock.advance(0.001)
    return (await asyncio.gather(task, return_exceptions=True))[0]


async def _call(action: Callable[..., Any], argument: Any) -> Any:
    return action() if argument == "claims" else action(argument)
