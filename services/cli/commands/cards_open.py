"""`hongbao cards open`: a card game for a campaign, with the plan that the planner wrote."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from services.cli.commands.cards_show import print_game
from services.cli.console import Refusal
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import Operator, connected, timestamp
from services.cli.plan_file import check_order
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings

_DEPOSITS = uuid.UUID("7f3c1d0a-6d0e-4a58-9b58-2f0f6a0c5d11")
"""Names the deposits of this command, so that one for the same game is made once."""


@dataclass(frozen=True, slots=True)
class GameAsked:
    """The game that is wanted."""

    campaign_id: str
    sponsor_id: int
    pool_fen: int
    plan: events.SupplyPlan
    plan_path: Path
    opens_at: datetime | None
    """None: now; or as it was opened, if it is open already."""
    deadline: datetime
    wait_until: datetime | None = None
    """None: as long as settlement's setting says."""
    share_mode: events.ShareMode.ValueType = events.SHARE_MODE_EQUAL
    deals_per_day_max: int = 0
    """Most cards that a person is dealt in a day; 0 for no limit."""

    def order(self, opens_at: datetime) -> cards.CreateGameRequest:
        """What asks for it. Raises `Refusal` for a plan or values that the contract does not allow."""
        order = cards.CreateGameRequest(
            campaign_id=self.campaign_id,
            sponsor_id=self.sponsor_id,
            pool_fen=self.pool_fen,
            supply=self.plan,
            opens_at=timestamp(opens_at),
            deadline=timestamp(self.deadline),
            winnings_wait_until_at=None if self.wait_until is None else timestamp(self.wait_until),
            share_mode=self.share_mode,
            deals_per_day_max=self.deals_per_day_max,
        )
        check_order(order, self.plan_path)
        return order


async def open_game(mesh: MeshRecord, settings: MeshSettings, asked: GameAsked, *, deposits: bool) -> None:
    """Opens a game, or finds it open, and prints it. `deposits` books the pool as the sponsor's, once."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        await print_game(operator, await opened(operator, asked, deposits=deposits))


async def opened(operator: Operator, asked: GameAsked, *, deposits: bool) -> cards.Game:
    """The game, opened now or before by the same order. Raises `Refusal` and what the services raise."""
    order = asked.order(asked.opens_at or await _opening(operator, asked.campaign_id))
    if deposits:
        request_id = uuid.uuid5(_DEPOSITS, f"{asked.campaign_id}/{asked.sponsor_id}/{asked.pool_fen}")
        await operator.deposit(asked.sponsor_id, asked.pool_fen, str(request_id))
    try:
        return await operator.create_game(order)
    except ServiceError as error:
        if error.reason != "FUNDS_INSUFFICIENT":
            raise
        has = yuan(int(error.metadata["available_fen"]))
        raise Refusal(
            f"sponsor {asked.sponsor_id} has {has} yuan, and the pool takes {yuan(asked.pool_fen)}; "
            "a trial's money is booked with --deposit"
        ) from None


async def _opening(operator: Operator, campaign_id: str) -> datetime:
    """When a game opens that nobody said a time for: asking twice may not make it another game."""
    try:
        known = await operator.game(campaign_id)
    except ServiceError as error:
        if error.reason != "GAME_UNKNOWN":
            raise
        return datetime.now(UTC)
    return known.opens_at.ToDatetime(UTC)
