"""What guests do with their cards: offer and ask, say yes or no, complete sets, and part from friends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hongbao.gateway.v1 import gateway_pb2 as gateway
from services.mesh.errors import ServiceError
from tests.simulation.guests import Guest, World

PAUSE_S_MIN, PAUSE_S_MAX = 0.3, 2.0
KINDS = range(1, 6)
SAYS_YES, TAKES_BACK = 0.8, 0.1
STILL_FRIENDS_MIN = 2
"""Who has fewer friends parts from none."""
GIVE_UP = frozenset(
    {
        "CARD_NOT_HELD",
        "DEADLINE_PASSED",
        "EXCHANGE_ENDED",
        # Who was offered a card may have turned out to be somebody else since.
        "EXCHANGE_UNKNOWN",
        "FAN_IN_LIMIT_REACHED",
        "NOT_FRIENDS",
        "PERSON_MERGED",
        "SELF_ASK",
        "SELF_FRIENDSHIP",
        "SELF_GIFT",
        "SET_INCOMPLETE",
        "VELOCITY_LIMIT_REACHED",
        "WAITING_LIMIT_REACHED",
    }
)
"""What happens between people, and is nobody's fault."""
_WAITING = (gateway.CARD_EXCHANGE_STATE_OFFERED, gateway.CARD_EXCHANGE_STATE_OPEN)


class Trader:
    """A guest, as far as they play cards."""

    def __init__(self, guest: Guest, world: World) -> None:
        self._guest = guest
        self._world = world
        self._draw = guest.draw
        self._former: list[Guest] = []

    async def act(self) -> None:
        """Does one thing, whatever comes to mind."""
        weights = {
            self._offer: 6,
            self._ask: 3,
            self._look_what_waits: 10,
            self._complete: 5,
            self._part: 1,
        }
        (act,) = self._draw.choices(list(weights), list(weights.values()))
        try:
            await act()
        except ServiceError as error:
            if error.reason not in GIVE_UP:
                raise
            self._world.told.outcomes[error.reason] += 1

    async def _offer(self) -> None:
        hand = await self._guest.hand()
        # Mostly cards go the same way, so that somebody gets all five.
        before = [friend for friend in self._guest.friends if friend.person_id < self._guest.person_id]
        friend = self._draw.choice(before) if before and self._draw.random() < SAYS_YES else self._somebody()
        if friend is not None and hand.total() and not all(hand[card] for card in KINDS):
            await self._guest.give(friend, self._draw.choice(sorted(hand.elements())))

    async def _ask(self) -> None:
        friend, hand = self._somebody(), await self._guest.hand()
        lacking = [card for card in KINDS if not hand[card]]
        if friend is not None and lacking:
            await self._guest.ask_card(friend, self._draw.choice(lacking))

    async def _complete(self) -> None:
        hand = await self._guest.hand()
        if all(hand[card] for card in KINDS):
            await self._guest.complete()

    async def _look_what_waits(self) -> None:
        """Does something about a gift or an ask that is listed as waiting."""
        waiting = await self._guest.exchanges(_WAITING)
        if not waiting:
            return
        mine = [exchange for exchange in waiting if self._has_begun(exchange)]
        others = [exchange for exchange in waiting if not self._has_begun(exchange)]
        if mine and self._draw.random() < TAKES_BACK:
            exchange = self._draw.choice(mine)
            await self._end(exchange, "TakeBackCardAsk" if exchange.is_ask else "TakeBackGift")
        if not others:
            return
        exchange, says_yes = self._draw.choice(others), self._draw.random() < SAYS_YES
        if exchange.is_ask:
            await self._end(exchange, "AnswerCardAsk" if says_yes else "DeclineCardAsk")
        else:
            await self._end(exchange, "AcceptGift" if says_yes else "DeclineGift")

    def _has_begun(self, exchange: gateway.CardExchange) -> bool:
        is_giver = exchange.giver_person_id == self._guest.person_id
        return is_giver != exchange.is_ask

    async def _end(self, exchange: gateway.CardExchange, what: str) -> None:
        request: Callable[..., Any] = getattr(gateway, f"{what}Request")
        ended = await self._guest.end_exchange(
            what, request(campaign_id=self._world.campaign_id, exchange_id=exchange.exchange_id)
        )
        self._world.told.outcomes[gateway.CardExchangeState.Name(ended.state)] += 1
        key = (exchange.giver_person_id, exchange.receiver_person_id, exchange.card)
        await self._world.invariants.expect_exchange(key, exchange.is_ask, ended.state)

    async def _part(self) -> None:
        """Somebody is a friend no more; what they were offered cannot be taken then."""
        if len(self._guest.friends) < STILL_FRIENDS_MIN:
            return
        friend = self._draw.choice(self._guest.friends)
        await self._guest.part(friend)
        self._former.append(friend)

    def _somebody(self) -> Guest | None:
        """A friend, mostly."""
        known = self._guest.friends * 3 + self._former
        return self._draw.choice(known) if known else None
