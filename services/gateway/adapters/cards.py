"""Cards behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.cards.v1 import (
    cards_pb2,
    cards_pb2_grpc,
    events_pb2,
    figures_pb2,
    figures_pb2_grpc,
    history_pb2,
    history_pb2_grpc,
)
from hongbao.gateway.v1 import gateway_pb2
from services.gateway.adapters.exchanges import exchange_of
from services.gateway.adapters.forwarding import Forwarding

_SERVICE = "cards"


class CardsClient:
    """The game and the caller's hand. Raises cards' errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def get_game(self, request: Any) -> Any:
        """See `CardService.GetGame`."""
        asked = cards_pb2.GetGameRequest(campaign_id=request.campaign_id)
        answer = await self._forwarding.to_home_of(
            _SERVICE,
            request.campaign_id,
            lambda channel, timeout_s: cards_pb2_grpc.CardsServiceStub(channel).GetGame(
                asked, timeout=timeout_s
            ),
        )
        return _game(answer.game)

    async def get_figures(self, request: Any) -> Any:
        """See `CardService.GetFigures`."""
        asked = figures_pb2.GetFiguresRequest(campaign_id=request.campaign_id)
        answer = await self._forwarding.to_home_of(
            _SERVICE,
            request.campaign_id,
            lambda channel, timeout_s: figures_pb2_grpc.FiguresServiceStub(channel).GetFigures(
                asked, timeout=timeout_s
            ),
        )
        return _figures(answer.figures)

    async def list_hand(self, person_id: int, request: Any) -> Any:
        """See `CardService.ListHand`."""
        asked = cards_pb2.ListHandRequest(campaign_id=request.campaign_id, person_id=person_id)
        answer = await self._of_person("ListHand", person_id, asked)
        held = [
            gateway_pb2.CardCount(
                card=_card(kind.card), count=kind.held_count, origins=map(_movement, kind.origins)
            )
            for kind in answer.cards
        ]
        return gateway_pb2.ListHandResponse(
            cards=held,
            set_completed=answer.HasField("completion"),
            share_fen=answer.completion.share_fen,
            luck_class=answer.completion.luck_class,
        )

    async def list_movements(self, person_id: int, request: Any) -> Any:
        """See `CardService.ListMovements`."""
        asked = history_pb2.ListMovementsRequest(
            campaign_id=request.campaign_id,
            person_id=person_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._forwarding.to_owner_of(
            _SERVICE,
            person_id,
            lambda channel, timeout_s: history_pb2_grpc.HistoryServiceStub(channel).ListMovements(
                asked, timeout=timeout_s
            ),
        )
        return gateway_pb2.ListMovementsResponse(
            movements=map(_movement, answer.movements), next_page_token=answer.next_page_token
        )

    async def gift_card(self, person_id: int, request: Any) -> Any:
        """See `CardService.GiftCard`."""
        asked = cards_pb2.GiftCardRequest(
            campaign_id=request.campaign_id,
            request_id=request.request_id,
            from_person_id=person_id,
            to_person_id=request.to_person_id,
            card=events_pb2.Card.Value(gateway_pb2.Card.Name(request.card)),
        )
        answer = await self._of_person("GiftCard", person_id, asked)
        return gateway_pb2.GiftCardResponse(
            sent_at=answer.gift.sent_at, exchange=exchange_of(answer.exchange)
        )

    async def complete_set(self, person_id: int, request: Any) -> Any:
        """See `CardService.CompleteSet`."""
        asked = cards_pb2.CompleteSetRequest(campaign_id=request.campaign_id, person_id=person_id)
        answer = await self._of_person("CompleteSet", person_id, asked)
        return gateway_pb2.CompleteSetResponse(completed_at=answer.completion.completed_at)

    async def _of_person(self, method: str, person_id: int, request: Any) -> Any:
        return await self._forwarding.to_owner_of(
            _SERVICE,
            person_id,
            lambda channel, timeout_s: getattr(cards_pb2_grpc.CardsServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )


def _game(game: Any) -> Any:
    return gateway_pb2.GetGameResponse(
        campaign_id=game.campaign_id,
        phase=gateway_pb2.GamePhase.Value(cards_pb2.GamePhase.Name(game.phase)),
        opens_at=game.opens_at,
        deadline=game.deadline,
        pool_fen=game.pool_fen,
        supplies=[
            gateway_pb2.CardSupply(card=_card(kind.card), limit=kind.issue_limit, issued=kind.issued)
            for kind in game.cards
        ],
        sets_completed=game.sets_completed,
        share_fen=game.decision.share_fen,
        remainder_fen=game.decision.remainder_fen,
        seed_commitment=game.seed_commitment,
        seed=game.decision.seed,
        share_mode=_share_mode(game.share_mode),
        deals_per_day_max=game.deals_per_day_max,
    )


def _figures(figures: Any) -> Any:
    forecast = figures.forecast
    return gateway_pb2.GetFiguresResponse(
        campaign_id=figures.campaign_id,
        read_at=figures.read_at,
        phase=gateway_pb2.GamePhase.Value(cards_pb2.GamePhase.Name(figures.phase)),
        deadline=figures.deadline,
        cards=[
            gateway_pb2.CardPlaces(
                card=_card(place.card),
                limit=place.issue_limit,
                left=place.left,
                held=place.held,
                offered=place.offered,
                in_transit=place.in_transit,
                spent=place.spent,
            )
            for place in figures.cards
        ],
        holder_count=figures.holder_count,
        sets_completed=figures.sets_completed,
        sets_recent=figures.sets_recent,
        recent_ms=figures.recent_ms,
        pool_fen=forecast.pool_fen,
        share_mode=_share_mode(forecast.share_mode),
        share_low_fen=forecast.share_low_fen,
        share_expected_fen=forecast.share_expected_fen,
        share_high_fen=forecast.share_high_fen,
    )


def _movement(movement: Any) -> Any:
    return gateway_pb2.CardMovement(
        kind=gateway_pb2.CardMovementKind.Value("CARD_" + history_pb2.MovementKind.Name(movement.kind)),
        card=_card(movement.card),
        moved_at=movement.moved_at,
        other_person_id=movement.other_person_id,
        source=gateway_pb2.CardSource.Value(events_pb2.CardSource.Name(movement.source)),
        source_key=movement.source_key,
    )


def _share_mode(number: Any) -> Any:
    return gateway_pb2.ShareMode.Value(events_pb2.ShareMode.Name(number))


def _card(number: Any) -> Any:
    return gateway_pb2.Card.Value(events_pb2.Card.Name(number))
