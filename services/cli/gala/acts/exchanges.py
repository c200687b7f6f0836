"""Part of act four: people offer each other cards and ask for them, and not everybody says yes."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from hongbao.cards.v1 import events_pb2 as cards_events
from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import message_pb2
from services.cli.gala.acts.chat import tell_of_card
from services.cli.gala.crowd import everyone
from services.cli.gala.evening import CARDS, RARE_CARD
from services.cli.gala.people import Player
from services.cli.gala.stage import AT_ONCE, Stage
from services.mesh.errors import ServiceError

ALL_CARDS = tuple(cards_events.Card.Value(f"CARD_{name}") for name in CARDS)
RARE = cards_events.Card.Value(f"CARD_{RARE_CARD}")
_ASKED_FOR = 0.4
"""The chance that somebody who lacks a card asks for it, instead of being offered it."""
_TOO_LATE = frozenset({"DEADLINE_PASSED", "EXCHANGE_ENDED"})
_HOME = (gateway.CARD_EXCHANGE_STATE_EXPIRED, gateway.CARD_EXCHANGE_STATE_BROKEN)


class Way(Enum):
    """How something between two people goes."""

    ACCEPTED = auto()
    DECLINED = auto()
    TAKEN_BACK = auto()
    ANSWERED = auto()
    ASK_DECLINED = auto()
    ASK_TAKEN_BACK = auto()
    PARTED = auto()
    """Offered; then they are friends no more, and the card goes home when it would be accepted."""
    LEFT = auto()
    """Offered; nobody answers, and the card comes home at the deadline."""


_SHOWN = {
    Way.ACCEPTED: message_pb2.ATTACHMENT_STATE_ACCEPTED,
    Way.DECLINED: message_pb2.ATTACHMENT_STATE_DECLINED,
    Way.TAKEN_BACK: message_pb2.ATTACHMENT_STATE_TAKEN_BACK,
    Way.LEFT: message_pb2.ATTACHMENT_STATE_EXPIRED,
}
"""Offers that friends are told of in a message, and what it must say in the end."""
_IN_VAIN = (Way.DECLINED, Way.TAKEN_BACK, Way.ASK_DECLINED, Way.ASK_TAKEN_BACK)
IN_VAIN_PER_100 = 1
"""How many of a hundred people try each of these."""


@dataclass(frozen=True, slots=True)
class Trade:
    """One card between two friends."""

    giver: Player
    receiver: Player
    card: int
    way: Way = Way.ACCEPTED


@dataclass(slots=True)
class Traded:
    """What people did with each other's cards, as they were told."""

    ways: Counter[Way] = field(default_factory=Counter)
    """How often each came about."""
    to_come_home: list[tuple[Player, str]] = field(default_factory=list)
    """Gifts that must have come home by themselves once the game is over, with their givers."""


async def trade_cards(stage: Stage, hands: dict[int, Counter[int]], is_time: Callable[[], bool]) -> Traded:
    """Friends help those who hold the rare card; `hands` gets what they were given. Stops when time is up."""
    trades = plan_trades(stage.players, stage.friends, hands, f"{stage.evening.seed}:gifts")
    traded = Traded()

    async def act(trade: Trade) -> None:
        if not is_time():
            return
        try:
            await _trade(stage, trade, traded)
        except ServiceError as error:
            # On a slow machine the deadline may come in between: what was offered goes home then.
            if error.reason not in _TOO_LATE or is_time():
                raise
            return
        traded.ways[trade.way] += 1
        if trade.way in (Way.ACCEPTED, Way.ANSWERED):
            hands[trade.receiver.number][trade.card] += 1
            stage.progress.gifts += 1

    await everyone(trades, act, AT_ONCE)
    return traded


async def came_home(stage: Stage, traded: Traded) -> int:
    """How many of the gifts that nobody accepted are home again, by their givers' lists."""
    found: list[str] = []

    async def look(left: tuple[Player, str]) -> None:
        giver, gift_id = left
        if gift_id in await stage.trading.ended(giver, _HOME):
            found.append(gift_id)

    await everyone(traded.to_come_home, look, AT_ONCE)
    return len(found)


async def _trade(stage: Stage, trade: Trade, traded: Traded) -> None:
    trading = stage.trading
    if trade.way in (Way.ANSWERED, Way.ASK_DECLINED, Way.ASK_TAKEN_BACK):
        ask_id = await trading.ask(trade.receiver, trade.giver, trade.card)
        match trade.way:
            case Way.ANSWERED:
                await trading.answer(trade.giver, ask_id)
            case Way.ASK_DECLINED:
                await trading.decline_ask(trade.giver, ask_id)
            case _:
                await trading.take_back_ask(trade.receiver, ask_id)
        return
    gift_id = await trading.offer(trade.giver, trade.receiver, trade.card)
    shown = None
    if trade.way in _SHOWN:
        shown = await tell_of_card(stage, trade.giver, trade.receiver, gift_id, _SHOWN[trade.way])
    match trade.way:
        case Way.ACCEPTED:
            await trading.accept(trade.receiver, gift_id)
        case Way.DECLINED:
            await trading.decline(trade.receiver, gift_id)
        case Way.TAKEN_BACK:
            await trading.take_back(trade.giver, gift_id)
        case Way.PARTED:
            traded.to_come_home.append((trade.giver, gift_id))
            await _part(stage, trade, gift_id)
        case _:
            traded.to_come_home.append((trade.giver, gift_id))
    if shown is not None:
        stage.sent_along.cards.append(shown)


async def _part(stage: Stage, trade: Trade, gift_id: str) -> None:
    """They part, and the friend who was one takes the card all the same: it must not work."""
    await stage.phones.part(trade.receiver, trade.giver)
    stage.friends[trade.giver.number].remove(trade.receiver)
    stage.friends[trade.receiver.number].remove(trade.giver)
    try:
        await stage.trading.accept(trade.receiver, gift_id)
    except ServiceError as error:
        # An app that asks again after a lost answer is told how it has ended.
        if error.reason not in ("NOT_FRIENDS", "EXCHANGE_ENDED"):
            raise


def plan_trades(
    players: Sequence[Player],
    friends: Mapping[int, Sequence[Player]],
    hands: Mapping[int, Counter[int]],
    seed: str,
) -> list[Trade]:
    """Everything between friends: what completes sets, and what comes to nothing.

    A second account plays no more: whoever had it plays with the first one.
    """
    playing = [player for player in players if player.first is None]
    helpful = plan_gifts(playing, friends, hands, seed)
    draw = random.Random(f"{seed}:in vain")  # noqa: S311 - a simulation, not a secret
    trades = [
        Trade(gift.giver, gift.receiver, gift.card, Way.ANSWERED if draw.random() < _ASKED_FOR else gift.way)
        for gift in helpful
    ]
    times = max(1, len(playing) * IN_VAIN_PER_100 // 100)
    # Whoever parts does nothing else with each other: it is found first.
    ways = [Way.PARTED, Way.LEFT, *(way for way in _IN_VAIN for _ in range(times))]
    trades += [
        Trade(giver, receiver, card, way)
        for way, (giver, receiver, card) in zip(
            ways, _spare_cards(playing, friends, hands, helpful, draw), strict=False
        )
    ]
    draw.shuffle(trades)
    return trades


def _spare_cards(
    players: Sequence[Player],
    friends: Mapping[int, Sequence[Player]],
    hands: Mapping[int, Counter[int]],
    helpful: Sequence[Trade],
    draw: random.Random,
) -> Iterator[tuple[Player, Player, int]]:
    """Cards of people who have nothing to do with what completes sets, each with a friend; a giver once."""
    busy = {player.number for gift in helpful for player in (gift.giver, gift.receiver)}
    free = [player for player in players if player.number not in busy and not hands[player.number][RARE]]
    draw.shuffle(free)
    for giver in free:
        if giver.number in busy:
            continue
        others = [friend for friend in friends.get(giver.number, ()) if friend.first is None]
        # Who parts has nothing else to do.
        others = [friend for friend in others if friend.number not in busy]
        held = sorted(card for card, count in hands[giver.number].items() if count > 0)
        if others and held:
            receiver = draw.choice(others)
            busy.update((giver.number, receiver.number))
            yield giver, receiver, draw.choice(held)


def plan_gifts(
    players: Sequence[Player],
    friends: Mapping[int, Sequence[Player]],
    hands: Mapping[int, Counter[int]],
    seed: str,
) -> list[Trade]:
    """Who gives what: friends without the rare card give away what completes the set of one who has it."""
    draw = random.Random(seed)  # noqa: S311 - a simulation, not a secret
    spare = {number: Counter(hand) for number, hand in hands.items()}
    hopeful = [player for player in players if hands[player.number][RARE]]
    draw.shuffle(hopeful)
    for player in hopeful:
        # What a hopeful person gives away is at most a second card of a kind.
        spare[player.number] = Counter({card: count - 1 for card, count in hands[player.number].items()})
    gifts = []
    for player in hopeful:
        for card in ALL_CARDS:
            if hands[player.number][card]:
                continue
            giver = next(
                (
                    friend
                    for friend in friends.get(player.number, [])
                    if friend.first is None and spare[friend.number][card] > 0
                ),
                None,
            )
            if giver is not None:
                spare[giver.number][card] -= 1
                gifts.append(Trade(giver, player, card))
    return gifts
