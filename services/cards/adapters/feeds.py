"""Feeds that a cards shard follows: new friends from social, and gifts from the other cards shards."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hongbao.cards.v1 import events_pb2
from hongbao.social.v1 import events_pb2 as social_events_pb2
from services.cards.contract import gift_from_contract
from services.cards.domain.events import CardsDealt, Change, Event, FeedPosition, FeedSkipped, GiftsReceived
from services.cards.domain.feeds import Friendship, deal_to_friends, receive_gifts
from services.cards.domain.ports import OwnedShard
from services.cards.domain.vocabulary import PersonId
from services.mesh.feed.port import FeedRecord

SOCIAL_FEED = "social/0"
"""The social service has one feed."""


def gift_feed(shard: int) -> str:
    """The name of a cards shard's feed."""
    return f"cards/{shard}"


class ShardSink:
    """Applies a feed to a shard: one record for the effect of many, together with the position in the feed.

    Records without an effect are only counted. Their position is kept in memory and made durable once there
    are `skip_records` of them: after a crash they are read again, which changes nothing.
    """

    def __init__(
        self,
        shard: OwnedShard,
        effect: Callable[[Sequence[FeedRecord]], Event | None],
        *,
        skip_records: int,
        batch_records: Callable[[], int],
    ) -> None:
        """Wires a sink; `batch_records` gives how many records may take effect in one record of the shard."""
        self._shard = shard
        self._effect = effect
        self._skip_records = skip_records
        self._batch_records = batch_records
        self._skipped: dict[str, int] = {}

    async def cursor(self, source: str) -> int:
        """See `FeedSink.cursor`."""
        return max(self._skipped.get(source, 0), self._shard.state.positions.get(source, 0))

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. Raises `GameUnknown` for a gift that is ahead of its game's preparation."""
        step = self._batch_records()
        for start in range(0, len(records), step):
            self._apply_at_once(source, records[start : start + step])
        await self._shard.settled()

    def _apply_at_once(self, source: str, records: Sequence[FeedRecord]) -> None:
        last_seq = records[-1].seq
        event = self._effect(records)
        if event is not None or last_seq - self._shard.state.positions.get(source, 0) >= self._skip_records:
            self._shard.commit(Change(event or FeedSkipped(), FeedPosition(source, last_seq)))
        else:
            self._skipped[source] = last_seq


def friend_sink(
    shard: OwnedShard,
    *,
    now_ms: Callable[[], int],
    is_own: Callable[[int], bool],
    skip_records: int,
    cards_per_record_max: int,
) -> ShardSink:
    """Deals cards for new friends, in every open game."""

    def effect(records: Sequence[FeedRecord]) -> CardsDealt | None:
        return deal_to_friends(shard.state, _friendships(records), now_ms(), is_own)

    def batch_records() -> int:
        # A friendship earns up to two cards in each game.
        return max(1, cards_per_record_max // (2 * max(1, len(shard.state.games))))

    return ShardSink(shard, effect, skip_records=skip_records, batch_records=batch_records)


def gift_sink(shard: OwnedShard, *, skip_records: int, batch_records: int) -> ShardSink:
    """Receives gifts from another shard."""

    def effect(records: Sequence[FeedRecord]) -> GiftsReceived | None:
        sent = [
            (record.seq, gift_from_contract(record.event.gift_sent))
            for record in records
            if isinstance(record.event, events_pb2.CardsEvent)
            and record.event.WhichOneof("event") == "gift_sent"
        ]
        return receive_gifts(shard.state, sent)

    return ShardSink(shard, effect, skip_records=skip_records, batch_records=lambda: batch_records)


def _friendships(records: Sequence[FeedRecord]) -> list[Friendship]:
    friendships = []
    for record in records:
        event = record.event
        # Kinds of events that came later are none of our business.
        if isinstance(event, social_events_pb2.SocialEvent) and event.HasField("friendship_made"):
            made = event.friendship_made
            friendships.append(
                Friendship(PersonId(made.low_person_id), PersonId(made.high_person_id), record.time_ms)
            )
    return friendships
