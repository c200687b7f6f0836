"""FiguresService: how a game goes, for a screen."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, cast

from hongbao.cards.v1 import cards_pb2, events_pb2, figures_pb2, figures_pb2_grpc
from services.cards.contract import card_value, share_mode_value, source_value
from services.cards.domain.errors import GameUnknown
from services.cards.domain.events import GameCreated
from services.cards.domain.lifecycle import GamePhase, phase_of
from services.cards.domain.placement import home_of
from services.cards.domain.ports import FiguresSource, OwnedShards
from services.cards.domain.sets.errors import WatchersExhausted
from services.cards.domain.sets.figures import CardPlaces, GameFigures
from services.cards.domain.vocabulary import CampaignId
from services.cards.settings import CardsSettings
from services.mesh.clock import Clock
from services.mesh.timestamps import timestamp


class FiguresApi(figures_pb2_grpc.FiguresServiceServicer):
    """How a game goes. Read only."""

    def __init__(
        self, shards: OwnedShards, board: FiguresSource, clock: Clock, settings: CardsSettings
    ) -> None:
        self._shards = shards
        self._board = board
        self._clock = clock
        self._settings = settings
        self._watchers = 0

    async def GetFigures(
        self, request: figures_pb2.GetFiguresRequest, _context: Any
    ) -> figures_pb2.GetFiguresResponse:
        """See the contract."""
        figures = await self._look(CampaignId(request.campaign_id))
        return figures_pb2.GetFiguresResponse(figures=figures)

    async def WatchFigures(
        self, request: figures_pb2.WatchFiguresRequest, _context: Any
    ) -> AsyncIterator[figures_pb2.WatchFiguresResponse]:
        """See the contract."""
        if self._watchers >= self._settings.figures_watchers_max:
            raise WatchersExhausted(self._settings.figures_watchers_max, self._settings.figures_max_age_ms)
        self._watchers += 1
        try:
            last = figures_pb2.GameFigures()
            while last.phase != cards_pb2.GAME_PHASE_CLOSED:
                figures = await self._look(CampaignId(request.campaign_id))
                if _differ(figures, last):
                    yield figures_pb2.WatchFiguresResponse(figures=figures)
                    last = figures
                await self._clock.sleep(self._settings.figures_max_age_ms / 1000)
        finally:
            self._watchers -= 1

    async def _look(self, campaign_id: CampaignId) -> figures_pb2.GameFigures:
        home = self._shards.owned(home_of(campaign_id, self._shards.shard_count))
        game = home.state.created.get(campaign_id)
        if game is None:
            raise GameUnknown(campaign_id)
        return _message(game, await self._board.figures(home, game))


def _differ(figures: figures_pb2.GameFigures, last: figures_pb2.GameFigures) -> bool:
    """Whether there is something new, beside that it was read later."""
    compared = figures_pb2.GameFigures()
    compared.CopyFrom(last)
    compared.read_at.CopyFrom(figures.read_at)
    return figures != compared


def _message(game: GameCreated, figures: GameFigures) -> figures_pb2.GameFigures:
    order, forecast = game.order, figures.forecast
    phase = phase_of(order, figures.decision, figures.read_at_ms)
    return figures_pb2.GameFigures(
        campaign_id=order.campaign_id,
        read_at=timestamp(figures.read_at_ms),
        phase=_phase(phase),
        opens_at=timestamp(order.opens_at_ms),
        deadline=timestamp(order.deadline_ms),
        cards=map(_card, figures.cards),
        sources=[
            figures_pb2.SourceFigures(
                source=source_value(source.source), card_quota=source.card_quota, dealt=source.dealt
            )
            for source in figures.sources
        ],
        holder_count=figures.holder_count,
        sets_completed=figures.sets_completed,
        sets_recent=figures.sets_recent,
        recent_ms=figures.recent_ms,
        forecast=figures_pb2.ShareForecast(
            pool_fen=forecast.pool_fen,
            share_mode=_share_mode(game),
            sets_max=forecast.sets_max,
            sets_expected=forecast.sets_expected,
            share_low_fen=forecast.share_fen(forecast.sets_max),
            share_expected_fen=forecast.share_fen(forecast.sets_expected),
            share_high_fen=forecast.share_fen(forecast.sets_completed),
        ),
    )


def _card(place: CardPlaces) -> figures_pb2.CardPlaces:
    return figures_pb2.CardPlaces(
        card=card_value(place.card),
        issue_limit=place.issue_limit,
        issued=place.issued,
        left=place.left,
        held=place.held,
        offered=place.offered,
        in_transit=place.in_transit,
        spent=place.spent,
    )


def _phase(phase: GamePhase) -> cards_pb2.GamePhase.ValueType:
    return cast("cards_pb2.GamePhase.ValueType", phase.value)


def _share_mode(game: GameCreated) -> events_pb2.ShareMode.ValueType:
    return share_mode_value(game.order.share_mode)
