"""What the cards service serves: one servicer for each service of the contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hongbao.cards.v1 import (
    cards_pb2_grpc,
    exchanges_pb2_grpc,
    figures_pb2_grpc,
    flows_pb2_grpc,
    history_pb2_grpc,
    proof_pb2_grpc,
    supply_pb2_grpc,
)
from services.cards.api.cards import CardsApi
from services.cards.api.exchange_shards import ExchangeShardApi
from services.cards.api.exchanges import ExchangeApi
from services.cards.api.figures import FiguresApi
from services.cards.api.flows import FlowApi
from services.cards.api.history import HistoryApi
from services.cards.api.proof import CardProofApi
from services.cards.api.shards import CardsShardApi
from services.cards.api.supply import SupplyApi
from services.cards.domain.exchanges.desk import ExchangeDesk
from services.cards.domain.flows.asking import FlowReading, FlowReports
from services.cards.domain.lifecycle import GameLifecycle
from services.cards.domain.ports import Completing, FiguresSource, OwnedShards, Supplies
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.server import Service
from services.mesh.shards.host import ShardHost


@dataclass(frozen=True, slots=True)
class Desks:
    """Who does what is asked for."""

    lifecycle: GameLifecycle
    supplies: Supplies
    exchanges: ExchangeDesk
    completing: Completing
    figures: FiguresSource
    flow_reading: FlowReading
    flow_reports: FlowReports


def served(
    shards: OwnedShards, host: ShardHost[Any], desks: Desks, clock: Clock, settings: CardsSettings
) -> tuple[Service, ...]:
    """All services; `shards` are those of `host` as the rules see them."""
    cards = CardsApi(
        shards, desks.lifecycle, desks.exchanges, desks.completing, desks.supplies, clock, settings
    )
    return (
        _service("CardsService", cards, cards_pb2_grpc.add_CardsServiceServicer_to_server),
        _service(
            "CardsShardService",
            CardsShardApi(shards, host, clock, settings),
            cards_pb2_grpc.add_CardsShardServiceServicer_to_server,
        ),
        _service("HistoryService", HistoryApi(shards), history_pb2_grpc.add_HistoryServiceServicer_to_server),
        _service(
            "ExchangeService",
            ExchangeApi(shards, desks.exchanges),
            exchanges_pb2_grpc.add_ExchangeServiceServicer_to_server,
        ),
        _service(
            "ExchangeShardService",
            ExchangeShardApi(shards, desks.exchanges),
            exchanges_pb2_grpc.add_ExchangeShardServiceServicer_to_server,
        ),
        _service(
            "CardProofService",
            CardProofApi(shards, host),
            proof_pb2_grpc.add_CardProofServiceServicer_to_server,
        ),
        _service(
            "SupplyService",
            SupplyApi(shards, clock, settings.supply_retry_ms),
            supply_pb2_grpc.add_SupplyServiceServicer_to_server,
        ),
        _service(
            "FiguresService",
            FiguresApi(shards, desks.figures, clock, settings),
            figures_pb2_grpc.add_FiguresServiceServicer_to_server,
        ),
        _service(
            "FlowService",
            FlowApi(shards, desks.flow_reading, desks.flow_reports),
            flows_pb2_grpc.add_FlowServiceServicer_to_server,
        ),
    )


def _service(name: str, servicer: Any, add: Callable[[Any, Any], None]) -> Service:
    return Service(f"hongbao.cards.v1.{name}", servicer, add)
