"""The processes of `bench cards`, cards and settlement, each with all its shards; and games for them."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from hongbao.cards.v1 import cards_pb2, cards_pb2_grpc, events_pb2
from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from services.cli.bench.cards_neighbours import Neighbours
from services.cli.bench.service_process import ServiceProcess, channels_of
from services.cli.bench.workplace import Workplace, free_port
from services.cli.proofs.books import proof_of
from services.mesh.channel import ChannelFactory
from services.mesh.timestamps import timestamp
from services.settlement.domain.books import Books

CARDS = tuple(events_pb2.Card.values()[1:])
"""All five, by number."""
SPONSOR_ID = 7
DEAL_METHOD = "/hongbao.cards.v1.CardsService/DealBatch"
POOL_FEN = 21_500_000_000
START_TIMEOUT_S = 120.0
RECOVER_TIMEOUT_S = 300.0
CALL_TIMEOUT_S = 60.0
_DEPOSIT_FEN = 100 * POOL_FEN


@dataclass(frozen=True, slots=True)
class GamePlan:
    """A game that the bench has played."""

    campaign_id: str
    limits: tuple[int, ...]
    """Of each card, by number."""
    quotas: dict[int, int]
    """Of each source that deals, by number."""
    pool_fen: int
    lasts_s: float
    """From now until the deadline."""


@dataclass(slots=True)
class CardsMesh:
    """What runs, and how to reach it."""

    place: Workplace
    shards: int
    port: int
    """Of cards, in whichever process: settlement has been told."""
    others: str
    cards: ServiceProcess
    settlement: ServiceProcess
    operator: ChannelFactory
    starts: int = 1
    """Processes of cards so far."""

    @property
    def game_service(self) -> cards_pb2_grpc.CardsServiceAsyncStub:
        """What operators call."""
        return cards_pb2_grpc.CardsServiceStub(self.operator.channel(self.cards.address))

    @property
    def deal_call(self) -> Any:
        """`DealBatch` as bytes, there and back; it reaches whichever process serves."""
        return self.operator.channel(self.cards.address).unary_unary(DEAL_METHOD)

    async def start_again(self) -> None:
        """Starts a fresh process of cards on the journals of the last one, which has ended."""
        self.starts += 1
        self.cards = await _start_cards(
            self.place, f"cards-{self.starts}", self.port, self.shards, self.others, RECOVER_TIMEOUT_S
        )

    def kill(self) -> None:
        """Ends whatever runs."""
        for process in (self.cards, self.settlement):
            if process.child in self.place.children:
                process.kill()

    async def create(self, plan: GamePlan) -> int:
        """Opens a game, and returns its deadline, milliseconds since the Unix epoch."""
        now_ms = int(time.time() * 1000)
        deadline_ms = now_ms + int(plan.lasts_s * 1000)
        await self.game_service.CreateGame(
            cards_pb2.CreateGameRequest(
                campaign_id=plan.campaign_id,
                sponsor_id=SPONSOR_ID,
                pool_fen=plan.pool_fen,
                supply=_supply(plan),
                opens_at=timestamp(now_ms - 1),
                deadline=timestamp(deadline_ms),
            ),
            timeout=CALL_TIMEOUT_S,
        )
        return deadline_ms

    async def figures(self, campaign_id: str) -> list[cards_pb2.GetShardGameResponse]:
        """Where a game's cards are, by shard."""
        stub = cards_pb2_grpc.CardsShardServiceStub(self.operator.channel(self.cards.address))
        return [
            await stub.GetShardGame(
                cards_pb2.GetShardGameRequest(campaign_id=campaign_id, shard=shard), timeout=CALL_TIMEOUT_S
            )
            for shard in range(self.shards)
        ]

    async def books(self) -> Books:
        """What settlement has on record."""
        stub = settlement_pb2_grpc.SettlementServiceStub(self.operator.channel(self.settlement.address))
        answers = [
            await stub.GetShardBooks(settlement_pb2.GetShardBooksRequest(shard=shard), timeout=CALL_TIMEOUT_S)
            for shard in range(self.shards)
        ]
        return proof_of([answer.books for answer in answers], self.shards)


@asynccontextmanager
async def cards_mesh(place: Workplace, shards: int) -> AsyncIterator[CardsMesh]:
    """Runs the processes until the block ends; the sponsor has paid in enough for all games."""
    neighbours, port = Neighbours(), free_port()
    operator = channels_of("operator")
    async with neighbours.serving():
        try:
            settlement = await ServiceProcess.start(
                place,
                "settlement",
                "settlement",
                _settings(shards),
                f"cards=127.0.0.1:{port},{neighbours.addresses}",
                START_TIMEOUT_S,
            )
            await _deposit(operator, settlement)
            others = f"settlement={settlement.address},{neighbours.addresses}"
            cards = await _start_cards(place, "cards", port, shards, others, START_TIMEOUT_S)
            mesh = CardsMesh(place, shards, port, others, cards, settlement, operator)
            try:
                yield mesh
            finally:
                mesh.kill()
        finally:
            await operator.close()


async def _start_cards(
    place: Workplace, name: str, port: int, shards: int, others: str, timeout_s: float
) -> ServiceProcess:
    return await ServiceProcess.start(place, "cards", name, _settings(shards), others, timeout_s, port)


def _settings(shards: int) -> dict[str, str]:
    return {
        "HONGBAO_ALLOCATION_SHARDS": str(shards),
        "HONGBAO_CARDS_SHARDS": str(shards),
        "HONGBAO_SETTLEMENT_SHARDS": str(shards),
        # Nobody is asked who people are: that is another service's work.
        "HONGBAO_PEOPLE_KNOWN": "everybody",
    }


async def _deposit(operator: ChannelFactory, settlement: ServiceProcess) -> None:
    stub = settlement_pb2_grpc.SettlementServiceStub(operator.channel(settlement.address))
    await stub.Deposit(
        settlement_pb2.DepositRequest(
            request_id=str(uuid.uuid4()), sponsor_id=SPONSOR_ID, amount_fen=_DEPOSIT_FEN
        ),
        timeout=CALL_TIMEOUT_S,
    )


def _supply(plan: GamePlan) -> events_pb2.SupplyPlan:
    return events_pb2.SupplyPlan(
        card_limits=[
            events_pb2.CardLimit(card=card, issue_limit=limit)
            for card, limit in zip(CARDS, plan.limits, strict=True)
        ],
        source_quotas=[
            events_pb2.SourceQuota(source=events_pb2.CardSource.ValueType(source), card_quota=quota)
            for source, quota in plan.quotas.items()
        ],
    )
