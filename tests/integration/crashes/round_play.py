"""One round as callers live through it, and what they must find at the end whatever died meanwhile."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import allocation_pb2_grpc as allocation_grpc
from hongbao.allocation.v1 import events_pb2
from hongbao.settlement.v1 import settlement_pb2 as settlement
from hongbao.settlement.v1 import settlement_pb2_grpc as settlement_grpc
from hongbao.settlement.v1 import statements_pb2 as statements
from hongbao.settlement.v1 import statements_pb2_grpc as statements_grpc
from services.cli.proofs.books import proof_of
from services.mesh.channel import ChannelFactory
from services.mesh.errors import ServiceError
from services.mesh.interceptors.errors import from_status
from services.mesh.shards.hashing import shard_of, shard_of_text
from services.settlement.domain.books import Books
from tests.integration.crashes.crash_mesh import PATIENCE_S, CrashMesh

T = TypeVar("T")
Packet = tuple[int, int, int]
"""Shard, index, fen."""

CAMPAIGN = "spring-2016"
ROUND = "round-1"
STOCK = f"{CAMPAIGN}.{ROUND}"
SPONSOR = 7
DEPOSIT_FEN = 100_000
BUDGET_FEN = 4_000
PACKETS = 40
PEOPLE = range(1, 61)
"""More than there are packets."""
BATCH = 5
OPENS_IN_MS = 200

_WON = (allocation.CLAIM_OUTCOME_WON, allocation.CLAIM_OUTCOME_ALREADY_WON)
_NOT_YET = (allocation.CLAIM_OUTCOME_NOT_OPEN, allocation.CLAIM_OUTCOME_NOT_RELEASED)


class RoundPlay:
    """Calls as callers do: they ask again until they are answered, and remember what they were told."""

    def __init__(self, mesh: CrashMesh) -> None:
        self.acknowledged: dict[int, Packet] = {}
        self.totals = (0, 0, 0)
        self._mesh = mesh

    async def deposit(self) -> None:
        request = settlement.DepositRequest(
            request_id=str(uuid.uuid4()), sponsor_id=SPONSOR, amount_fen=DEPOSIT_FEN
        )
        await self._settlement(lambda stub, timeout_s: stub.Deposit(request, timeout=timeout_s))

    async def create(self) -> None:
        campaign = allocation.CreateCampaignRequest(
            campaign_id=CAMPAIGN, sponsor_id=SPONSOR, display_name="春节", budget_fen=BUDGET_FEN
        )
        await self._home(lambda stub, timeout_s: stub.CreateCampaign(campaign, timeout=timeout_s))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    await self._create_round(_round_request())
                except ServiceError as error:
                    # The round was not on record yet, and its opening has passed by now.
                    if error.reason != "WINDOW_INVALID":
                        raise
                else:
                    return

    async def _create_round(self, request: allocation.CreateRoundRequest) -> None:
        await self._home(lambda stub, timeout_s: stub.CreateRound(request, timeout=timeout_s))

    async def claim(self, people: Sequence[int]) -> None:
        """Everybody claims until there is nothing to hope for any more."""
        by_shard: dict[int, list[int]] = {shard: [] for shard in range(self._mesh.shards)}
        for person_id in people:
            by_shard[shard_of(person_id, self._mesh.shards)].append(person_id)
        batches = [
            (shard, claimants[start : start + BATCH])
            for shard, claimants in by_shard.items()
            for start in range(0, len(claimants), BATCH)
        ]
        await asyncio.gather(*(self._claim_batch(shard, claimants) for shard, claimants in batches))

    async def close(self) -> None:
        request = allocation.CloseRoundRequest(campaign_id=CAMPAIGN, round_id=ROUND)
        answer = await self._home(lambda stub, timeout_s: stub.CloseRound(request, timeout=timeout_s))
        found = answer.round
        assert found.phase == allocation.ROUND_PHASE_CLOSED
        self.totals = (found.totals.packets_won, found.totals.won_fen, found.totals.returned_fen)

    async def expect_everything_in_its_place(self) -> None:
        """Every acknowledged claim is there, none twice, and every fen of the budget is accounted for."""
        # Who was answered is answered the same, and who was not is not told of a packet now.
        before = dict(self.acknowledged)
        await self.claim(PEOPLE)
        assert self.acknowledged == before
        kept = await self._kept()
        assert kept == self.acknowledged
        packets_won, won_fen, returned_fen = self.totals
        assert packets_won == len(kept) <= PACKETS
        assert won_fen == sum(fen for _, _, fen in kept.values())
        assert won_fen + returned_fen == BUDGET_FEN
        books = await self._settled_books()
        [campaign] = books.campaigns
        assert (campaign.held_fen, campaign.returned_fen) == (BUDGET_FEN, returned_fen)
        assert (campaign.packets, campaign.packets_fen) == (packets_won, won_fen)
        await self.expect_wallets({person_id: fen for person_id, (_, _, fen) in kept.items()})

    async def expect_wallets(self, wallets_fen: Mapping[int, int]) -> None:
        """Waits until everybody's wallet holds exactly this, and the books prove themselves."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = {person_id: await self._wallet_fen(person_id) for person_id in PEOPLE}
                if found == {person_id: wallets_fen.get(person_id, 0) for person_id in PEOPLE}:
                    break
                await asyncio.sleep(0.02)
        books = await self._settled_books()
        assert books.sound, books
        assert books.in_transit_fen == 0
        await self._expect_statements(wallets_fen)

    async def _expect_statements(self, wallets_fen: Mapping[int, int]) -> None:
        """Waits until everybody's statement is complete, and comes to what the wallet holds."""
        for person_id, amount_fen in wallets_fen.items():
            request = statements.ListEntriesRequest(account_id=f"wallet:{person_id}")
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    page = await self._call("settlement", 0, _list_entries(self._mesh.operator, request))
                    if not page.complete.events_behind:
                        break
                    await asyncio.sleep(0.02)
            assert page.closing_fen == amount_fen == sum(entry.amount_fen for entry in page.entries)

    async def _wallet_fen(self, person_id: int) -> int:
        request = settlement.GetWalletRequest(person_id=person_id)
        answer = await self._settlement(lambda stub, timeout_s: stub.GetWallet(request, timeout=timeout_s))
        return answer.balance_fen

    async def _claim_batch(self, shard: int, people: Sequence[int]) -> None:
        waiting = list(people)
        async with asyncio.timeout(PATIENCE_S):
            while waiting:
                answer = await self._ask(shard, waiting)
                for person_id, outcome, fen, index in zip(
                    waiting, answer.outcomes, answer.amounts_fen, answer.packet_indexes, strict=True
                ):
                    if outcome in _WON:
                        packet = (shard, index, fen)
                        assert self.acknowledged.setdefault(person_id, packet) == packet
                    else:
                        assert person_id not in self.acknowledged
                waiting = [
                    person_id
                    for person_id, outcome in zip(waiting, answer.outcomes, strict=True)
                    if outcome in _NOT_YET
                ]
                await asyncio.sleep(0.02 if waiting else 0)

    async def _ask(self, shard: int, people: Sequence[int]) -> allocation.ClaimBatchResponse:
        request = allocation.ClaimBatchRequest(batch_id=1, stock_id=STOCK, shard=shard, person_ids=people)

        async def attempt(address: str, timeout_s: float) -> allocation.ClaimBatchResponse:
            stub = allocation_grpc.ClaimServiceStub(self._mesh.gateway.channel(address))
            async for answer in stub.ClaimBatch(iter([request]), timeout=timeout_s):
                if answer.HasField("error"):
                    raise from_status(answer.error)
                return answer
            raise AssertionError("the stream ended without an answer")

        return await self._mesh.routers["allocation"].call(shard, attempt, PATIENCE_S)

    async def _kept(self) -> dict[int, Packet]:
        """What the shards have on record."""
        kept: dict[int, Packet] = {}
        seen: Counter[tuple[int, int]] = Counter()
        for shard in range(self._mesh.shards):
            request = allocation.ListPacketsRequest(stock_id=STOCK, shard=shard, page_size=1_000)
            page = await self._call("allocation", shard, _list_packets(self._mesh.operator, request))
            for index, person_id, fen in zip(
                page.packet_indexes, page.person_ids, page.amounts_fen, strict=True
            ):
                assert person_id not in kept
                kept[person_id] = (shard, index, fen)
                seen[shard, index] += 1
        assert all(count == 1 for count in seen.values())
        return kept

    async def _settled_books(self) -> Books:
        """The books once all of the round's money has arrived."""
        request = settlement.GetShardBooksRequest(shard=0)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await self._settlement(
                    lambda stub, timeout_s: stub.GetShardBooks(request, timeout=timeout_s)
                )
                books = proof_of([answer.books], 1)
                if books.stopped or (books.campaigns and books.campaigns[0].settled):
                    return books
                await asyncio.sleep(0.02)

    async def _home(
        self, call: Callable[[allocation_grpc.AllocationServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        async def attempt(address: str, timeout_s: float) -> T:
            return await call(
                allocation_grpc.AllocationServiceStub(self._mesh.operator.channel(address)), timeout_s
            )

        return await self._call("allocation", shard_of_text(CAMPAIGN, self._mesh.shards), attempt)

    async def _settlement(
        self, call: Callable[[settlement_grpc.SettlementServiceAsyncStub, float], Awaitable[T]]
    ) -> T:
        async def attempt(address: str, timeout_s: float) -> T:
            return await call(
                settlement_grpc.SettlementServiceStub(self._mesh.operator.channel(address)), timeout_s
            )

        return await self._call("settlement", 0, attempt)

    async def _call(self, service: str, shard: int, attempt: Callable[[str, float], Awaitable[T]]) -> T:
        return await self._mesh.routers[service].call(shard, attempt, PATIENCE_S)


def _round_request() -> allocation.CreateRoundRequest:
    now_ms = int(time.time() * 1000)
    return allocation.CreateRoundRequest(
        campaign_id=CAMPAIGN,
        round_id=ROUND,
        opens_at=_at(now_ms + OPENS_IN_MS),
        closes_at=_at(now_ms + 600_000),
        budget_fen=BUDGET_FEN,
        packet_count=PACKETS,
        packet_min_fen=1,
        packet_max_fen=880,
        release_curve=events_pb2.RELEASE_CURVE_IMMEDIATE,
    )


def _list_packets(
    channels: ChannelFactory, request: allocation.ListPacketsRequest
) -> Callable[[str, float], Awaitable[allocation.ListPacketsResponse]]:
    return lambda address, timeout_s: allocation_grpc.StockServiceStub(channels.channel(address)).ListPackets(
        request, timeout=timeout_s
    )


def _list_entries(
    channels: ChannelFactory, request: statements.ListEntriesRequest
) -> Callable[[str, float], Awaitable[statements.ListEntriesResponse]]:
    return lambda address, timeout_s: statements_grpc.StatementServiceStub(
        channels.channel(address)
    ).ListEntries(request, timeout=timeout_s)


def _at(time_ms: int) -> Timestamp:
    time = Timestamp()
    time.FromMilliseconds(time_ms)
    return time
