"""Gifts and asks of cards behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from hongbao.cards.v1 import events_pb2, exchanges_pb2, exchanges_pb2_grpc
from hongbao.gateway.v1 import gateway_pb2
from services.gateway.adapters.forwarding import Forwarding


class ExchangesClient:
    """What the caller offered, asked for, and was offered and asked. Raises cards' errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def accept_gift(self, person_id: int, request: Any) -> Any:
        """See `CardService.AcceptGift`."""
        answer = await self._end("AcceptGift", person_id, request)
        return gateway_pb2.AcceptGiftResponse(exchange=exchange_of(answer.exchange))

    async def decline_gift(self, person_id: int, request: Any) -> Any:
        """See `CardService.DeclineGift`."""
        answer = await self._end("DeclineGift", person_id, request)
        return gateway_pb2.DeclineGiftResponse(exchange=exchange_of(answer.exchange))

    async def take_back_gift(self, person_id: int, request: Any) -> Any:
        """See `CardService.TakeBackGift`."""
        answer = await self._end("TakeBackGift", person_id, request)
        return gateway_pb2.TakeBackGiftResponse(exchange=exchange_of(answer.exchange))

    async def answer_ask(self, person_id: int, request: Any) -> Any:
        """See `CardService.AnswerCardAsk`."""
        answer = await self._end("AnswerAsk", person_id, request)
        return gateway_pb2.AnswerCardAskResponse(exchange=exchange_of(answer.exchange))

    async def decline_ask(self, person_id: int, request: Any) -> Any:
        """See `CardService.DeclineCardAsk`."""
        answer = await self._end("DeclineAsk", person_id, request)
        return gateway_pb2.DeclineCardAskResponse(exchange=exchange_of(answer.exchange))

    async def take_back_ask(self, person_id: int, request: Any) -> Any:
        """See `CardService.TakeBackCardAsk`."""
        answer = await self._end("TakeBackAsk", person_id, request)
        return gateway_pb2.TakeBackCardAskResponse(exchange=exchange_of(answer.exchange))

    async def ask_card(self, person_id: int, request: Any) -> Any:
        """See `CardService.AskCard`."""
        asked = exchanges_pb2.MakeAskRequest(
            campaign_id=request.campaign_id,
            request_id=request.request_id,
            asking_person_id=person_id,
            asked_person_id=request.asked_person_id,
            card=events_pb2.Card.Value(gateway_pb2.Card.Name(request.card)),
        )
        answer = await self._of_person("MakeAsk", person_id, asked)
        return gateway_pb2.AskCardResponse(exchange=exchange_of(answer.exchange))

    async def list_exchanges(self, person_id: int, request: Any) -> Any:
        """See `CardService.ListExchanges`."""
        asked = exchanges_pb2.ListExchangesRequest(
            campaign_id=request.campaign_id,
            person_id=person_id,
            states=[
                events_pb2.ExchangeState.Value(
                    gateway_pb2.CardExchangeState.Name(state).removeprefix("CARD_")
                )
                for state in request.states
            ],
            page_size=request.page_size,
            page_token=request.page_token,
        )
        answer = await self._of_person("ListExchanges", person_id, asked)
        return gateway_pb2.ListExchangesResponse(
            exchanges=map(exchange_of, answer.exchanges), next_page_token=answer.next_page_token
        )

    async def _end(self, method: str, person_id: int, request: Any) -> Any:
        # All requests that name one exchange have the same fields.
        asked = getattr(exchanges_pb2, f"{method}Request")(
            campaign_id=request.campaign_id, person_id=person_id, exchange_id=request.exchange_id
        )
        return await self._of_person(method, person_id, asked)

    async def _of_person(self, method: str, person_id: int, request: Any) -> Any:
        return await self._forwarding.to_owner_of(
            "cards",
            person_id,
            lambda channel, timeout_s: getattr(exchanges_pb2_grpc.ExchangeServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )


def exchange_of(exchange: Any) -> Any:
    """An exchange of cards as the gateway shows it."""
    state = events_pb2.ExchangeState.Name(exchange.state)
    return gateway_pb2.CardExchange(
        exchange_id=exchange.exchange_id,
        is_ask=exchange.kind == events_pb2.EXCHANGE_KIND_ASK,
        state=gateway_pb2.CardExchangeState.Value(f"CARD_{state}"),
        giver_person_id=exchange.giver_person_id,
        receiver_person_id=exchange.receiver_person_id,
        card=gateway_pb2.Card.Value(events_pb2.Card.Name(exchange.card)),
        opened_at=exchange.opened_at,
        expires_at=exchange.expires_at,
        ended_at=exchange.ended_at if exchange.HasField("ended_at") else None,
    )
