"""The end of all that waits, before a shard is sealed."""

from __future__ import annotations

from services.cards.domain.events import Change
from services.cards.domain.exchanges.ending import decide_expiry
from services.cards.domain.game import ShardGame
from services.cards.domain.ports import OwnedShard

_ROWS_PER_RECORD_MAX = 2_048
"""As many as the process can end in a moment, about 40 ms: it answers for others in between."""


async def end_all_open(shard: OwnedShard, game: ShardGame, now_ms: int) -> None:
    """Ends what still waits at the deadline: every offered card is in its giver's hand again.

    Nothing outlives the deadline, so it has all expired. When this returns nothing waits, and nothing can
    begin.
    """
    assert now_ms >= game.prepared.deadline_ms, "until its deadline a game goes on"
    while (ended := decide_expiry(game, now_ms, _ROWS_PER_RECORD_MAX)) is not None:
        await shard.commit(Change(ended))
    assert game.exchanges.waiting_count == 0, "nothing waits beyond the deadline"
