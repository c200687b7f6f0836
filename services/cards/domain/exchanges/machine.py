"""The life of an exchange: a gift that was offered, or an ask. Ends are for good."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class ExchangeKind(enum.IntEnum):
    """Who began it; numbers are those of the contract."""

    GIFT = 1
    """The giver, who offers a card."""
    ASK = 2
    """The receiver, who asks for one."""


class ExchangeState(enum.IntEnum):
    """Where it stands; numbers are those of the contract."""

    OFFERED = 1
    OPEN = 2
    ACCEPTED = 3
    ANSWERED = 4
    DECLINED = 5
    TAKEN_BACK = 6
    EXPIRED = 7
    BROKEN = 8


class ExchangeAction(enum.IntEnum):
    """What can be done with it; numbers are those of the contract, where it has them."""

    ACCEPT_GIFT = 1
    DECLINE_GIFT = 2
    TAKE_BACK_GIFT = 3
    ANSWER_ASK = 4
    DECLINE_ASK = 5
    TAKE_BACK_ASK = 6
    EXPIRE = 7
    """Time does it."""
    BREAK = 8
    """It is answered, by people who are friends no more."""


BEGINNING: Mapping[ExchangeKind, ExchangeState] = MappingProxyType(
    {ExchangeKind.GIFT: ExchangeState.OFFERED, ExchangeKind.ASK: ExchangeState.OPEN}
)
"""The state of what has not ended."""

GOAL: Mapping[ExchangeAction, ExchangeState] = MappingProxyType(
    {
        ExchangeAction.ACCEPT_GIFT: ExchangeState.ACCEPTED,
        ExchangeAction.DECLINE_GIFT: ExchangeState.DECLINED,
        ExchangeAction.TAKE_BACK_GIFT: ExchangeState.TAKEN_BACK,
        ExchangeAction.ANSWER_ASK: ExchangeState.ANSWERED,
        ExchangeAction.DECLINE_ASK: ExchangeState.DECLINED,
        ExchangeAction.TAKE_BACK_ASK: ExchangeState.TAKEN_BACK,
        ExchangeAction.EXPIRE: ExchangeState.EXPIRED,
        ExchangeAction.BREAK: ExchangeState.BROKEN,
    }
)
"""The end that an action is after."""

GIVES_CARD = frozenset({ExchangeState.ACCEPTED, ExchangeState.ANSWERED})
"""Ends with which the card goes to the receiver."""
WAITING = frozenset(BEGINNING.values())
"""States that are no ends."""

_GIFT_ONLY = {ExchangeAction.ACCEPT_GIFT, ExchangeAction.DECLINE_GIFT, ExchangeAction.TAKE_BACK_GIFT}
_ASK_ONLY = {ExchangeAction.ANSWER_ASK, ExchangeAction.DECLINE_ASK, ExchangeAction.TAKE_BACK_ASK}
_OF_GIVER = {ExchangeAction.TAKE_BACK_GIFT, ExchangeAction.ANSWER_ASK, ExchangeAction.DECLINE_ASK}


def suits(action: ExchangeAction, kind: ExchangeKind) -> bool:
    """Whether the action can be done with exchanges of this kind at all."""
    return action not in (_ASK_ONLY if kind is ExchangeKind.GIFT else _GIFT_ONLY)


def is_for_giver(action: ExchangeAction) -> bool:
    """Whether the giver does it; else the receiver does. Time and partings are nobody's doing."""
    return action in _OF_GIVER


def after(state: ExchangeState, action: ExchangeAction) -> ExchangeState:
    """The state after an action that suits the exchange: its goal, or the end that came before.

    So an action has its way exactly if the state after it is its goal, however often it is repeated.
    """
    return GOAL[action] if state in WAITING else state
