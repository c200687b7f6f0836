"""How much of it people may do: asked once for every exchange that a batch would begin or accept.

One of these is made for each batch, with the state before it; what the batch itself adds is counted in it.
"""

from __future__ import annotations

from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.game import ShardGame
from services.cards.domain.vocabulary import Card, PersonId


class OpeningLimits:
    """On the giver's shard, before a gift is offered or an ask put on record."""

    def __init__(self, game: ShardGame, kind: ExchangeKind, now_ms: int) -> None:
        self._game = game
        self._kind = kind
        self._now_ms = now_ms

    def check(self, giver_id: PersonId, receiver_id: PersonId, card: Card) -> None:
        """Raises what stands against one more, else counts it. So far nothing does."""


class ReceivingLimits:
    """On the receiver's shard, before the giver's is asked: for gifts to accept, or asks to make."""

    def __init__(self, game: ShardGame, kind: ExchangeKind, now_ms: int) -> None:
        self._game = game
        self._kind = kind
        self._now_ms = now_ms

    def check(self, receiver_id: PersonId, giver_id: PersonId) -> None:
        """Raises what stands against one more, else counts it. So far nothing does."""
