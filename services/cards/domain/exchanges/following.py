"""What another shard's exchanges mean for this one: it keeps those whose receivers are its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.cards.domain.exchanges.events import (
    ExchangesEnded,
    ExchangesFollowed,
    ExchangesOpened,
    FollowedPart,
)
from services.cards.domain.exchanges.identity import REQUEST_BYTES
from services.cards.domain.shard import CardsShard


def follow_exchanges(
    shard: CardsShard, records: Sequence[tuple[int, ExchangesOpened | ExchangesEnded]]
) -> ExchangesFollowed | None:
    """What concerns this shard of another's records, each with its number there; None for nothing.

    Raises `GameUnknown` when something is ahead of this shard's part of its game: it has to be tried again.
    """
    parts = []
    for seq, event in records:
        rows = np.flatnonzero(np.array(event.receiver_shards, np.int64) == shard.number).tolist()
        if rows:
            shard.game(event.campaign_id)
            parts.append(FollowedPart(seq, _rows_of(event, rows)))
    return ExchangesFollowed(tuple(parts)) if parts else None


def _rows_of(
    event: ExchangesOpened | ExchangesEnded, rows: Sequence[int]
) -> ExchangesOpened | ExchangesEnded:
    giver_ids = [event.giver_ids[row] for row in rows]
    receiver_ids = [event.receiver_ids[row] for row in rows]
    cards = [event.cards[row] for row in rows]
    request_ids = b"".join(event.request_ids[row * REQUEST_BYTES : (row + 1) * REQUEST_BYTES] for row in rows)
    if isinstance(event, ExchangesOpened):
        return ExchangesOpened(
            campaign_id=event.campaign_id,
            kind=event.kind,
            opened_at_ms=event.opened_at_ms,
            expires_at_ms=event.expires_at_ms,
            giver_ids=giver_ids,
            receiver_ids=receiver_ids,
            cards=cards,
            request_ids=request_ids,
        )
    return ExchangesEnded(
        campaign_id=event.campaign_id,
        ended_at_ms=event.ended_at_ms,
        kinds=[event.kinds[row] for row in rows],
        giver_ids=giver_ids,
        receiver_ids=receiver_ids,
        cards=cards,
        request_ids=request_ids,
        states=[event.states[row] for row in rows],
    )
