"""Requests that are the same over and over: parsed and checked once, whoever sends them.

All taps of a round are the same few bytes: a campaign, a round, a count. A handler marked with
`often_the_same` is given the message that the same bytes were parsed to before. It must not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from services.mesh.interceptors.validation import checked

HandlerT = TypeVar("HandlerT", bound=Callable[..., Any])

PAYLOAD_BYTES_MAX = 256
"""Longer requests are not kept."""
_MARK = "__often_the_same__"


def often_the_same(handler: HandlerT) -> HandlerT:
    """Marks a unary handler whose requests are few different ones, and which never changes one."""
    setattr(handler, _MARK, True)
    return handler


def is_often_the_same(handler: Callable[..., Any]) -> bool:
    """Whether the handler is marked."""
    return bool(getattr(handler, _MARK, False))


class Repeats:
    """Turns payloads into checked messages, and remembers a bounded number of them; the oldest make room."""

    __slots__ = ("_kept", "_kept_max", "_parse")

    def __init__(self, parse: Callable[[bytes], Any], kept_max: int) -> None:
        self._parse = parse
        self._kept_max = kept_max
        self._kept: dict[bytes, Any] = {}

    def __call__(self, payload: bytes) -> Any:
        """The message of a payload, or an equal one's. Raises `InvalidField`."""
        message = self._kept.get(payload)
        return self._checked(payload) if message is None else message

    def _checked(self, payload: bytes) -> Any:
        message = checked(self._parse, payload)
        if len(payload) <= PAYLOAD_BYTES_MAX:
            if len(self._kept) >= self._kept_max:
                del self._kept[next(iter(self._kept))]
            self._kept[payload] = message
        return message
