"""What the gateway needs of gifts and asks of cards."""

from __future__ import annotations

from typing import Protocol

from services.gateway.domain.ports import Message


class CardExchanges(Protocol):
    """Gifts and asks of cards, on behalf of a person."""

    async def accept_gift(self, person_id: int, request: Message) -> Message:
        """See `CardService.AcceptGift`."""
        ...

    async def decline_gift(self, person_id: int, request: Message) -> Message:
        """See `CardService.DeclineGift`."""
        ...

    async def take_back_gift(self, person_id: int, request: Message) -> Message:
        """See `CardService.TakeBackGift`."""
        ...

    async def ask_card(self, person_id: int, request: Message) -> Message:
        """See `CardService.AskCard`."""
        ...

    async def answer_ask(self, person_id: int, request: Message) -> Message:
        """See `CardService.AnswerCardAsk`."""
        ...

    async def decline_ask(self, person_id: int, request: Message) -> Message:
        """See `CardService.DeclineCardAsk`."""
        ...

    async def take_back_ask(self, person_id: int, request: Message) -> Message:
        """See `CardService.TakeBackCardAsk`."""
        ...

    async def list_exchanges(self, person_id: int, request: Message) -> Message:
        """See `CardService.ListExchanges`."""
        ...
