"""Feeds that a shard follows: friends and invitations from social, and exchanges from other cards shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hongbao.cards.v1 import events_pb2
from hongbao.social.v1 import events_pb2 as social_events_pb2
from services.cards.domain.events import CardsDealt, Change, Event, FeedPosition, FeedSkipped
from services.cards.domain.exchanges.events import ExchangesEnded, ExchangesFollowed, ExchangesOpened
from services.cards.domain.exchanges.following import follow_exchanges
from services.cards.domain.feeds import (
    FeedDeals,
    Friendship,
    Invitation,
    deal_for_invitations,
    deal_to_friends,
)
from services.cards.domain.ports import OwnedShard, Supplies
from services.cards.domain.supply.errors import SupplyAwaited
from services.cards.domain.vocabulary import CampaignId, PersonId
from services.cards.exchange_contract import ended_from_contract, opened_from_contract
from services.mesh.feed.port import FeedRecord
from services.mesh.timestamps import milliseconds

SOCIAL_FEED = "social/0"
"""The social service has one feed."""


def cards_feed(shard: int) -> str:
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
        weigh: Callable[[FeedRecord], int] = lambda _: 1,
    ) -> None:
        """Wires a sink; `batch_records` gives how many records may take effect in one record of the shard.

        One that holds much counts for as many as `weigh` says.
        """
        self._shard = shard
        self._effect = effect
        self._skip_records = skip_records
        self._batch_records = batch_records
        self._weigh = weigh
        self._skipped: dict[str, int] = {}

    async def cursor(self, source: str) -> int:
        """See `FeedSink.cursor`."""
        return max(self._skipped.get(source, 0), self._shard.state.positions.get(source, 0))

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. Raises `GameUnknown` for a gift that is ahead of its game's preparation."""
        start, weight, weight_max = 0, 0, self._batch_records()
        for index, record in enumerate(records):
            more = self._weigh(record)
            if index > start and weight + more > weight_max:
                self._apply_at_once(source, records[start:index])
                start, weight = index, 0
            weight += more
        if start < len(records):
            self._apply_at_once(source, records[start:])
        await self._shard.settled()

    def _apply_at_once(self, source: str, records: Sequence[FeedRecord]) -> None:
        last_seq = records[-1].seq
        event = self._effect(records)
        if event is not None or last_seq - self._shard.state.positions.get(source, 0) >= self._skip_records:
            self._shard.commit(Change(event or FeedSkipped(), FeedPosition(source, last_seq)))
        else:
            self._skipped[source] = last_seq


class FriendSink(ShardSink):
    """Deals cards for new friends, and for invitations that were fulfilled.

    Waits for cards that home has not refused.
    """

    def __init__(
        self,
        shard: OwnedShard,
        supplies: Supplies,
        *,
        now_ms: Callable[[], int],
        is_own: Callable[[int], bool],
        skip_records: int,
        cards_per_record_max: int,
    ) -> None:
        """Wires a sink; `is_own` tells persons of the shard."""

        def effect(records: Sequence[FeedRecord]) -> CardsDealt | None:
            # Of one kind: what a batch is dealt must be on record before the next is decided.
            invitations = _invitations(records)
            deals = (
                deal_for_invitations(shard.state, invitations, now_ms(), is_own)
                if invitations
                else deal_to_friends(shard.state, _friendships(records), now_ms(), is_own)
            )
            if deals.waiting:
                raise _CardsLacking(deals)
            return deals.dealt

        def batch_records() -> int:
            # A friendship earns up to two cards in each game.
            return max(1, cards_per_record_max // (2 * max(1, len(shard.state.games))))

        super().__init__(shard, effect, skip_records=skip_records, batch_records=batch_records)
        self._supplies = supplies

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. Raises `SupplyAwaited` while cards are neither there nor refused for good."""
        try:
            await super().apply(source, records)
        except _CardsLacking as lacking:
            await self._wait(lacking.deals)
            # What has come since is dealt by reading the same records again.
            try:
                await super().apply(source, self._unapplied(source, records))
            except _CardsLacking as still:
                self._deal_in_part(still.deals)
                await self._shard.settled()
                raise SupplyAwaited(tuple(still.deals.waiting)) from None

    def _apply_at_once(self, source: str, records: Sequence[FeedRecord]) -> None:
        start = 0
        for index in range(1, len(records)):
            if _is_invitation(records[index]) != _is_invitation(records[index - 1]):
                super()._apply_at_once(source, records[start:index])
                start = index
        super()._apply_at_once(source, records[start:])

    def _unapplied(self, source: str, records: Sequence[FeedRecord]) -> Sequence[FeedRecord]:
        cursor = max(self._skipped.get(source, 0), self._shard.state.positions.get(source, 0))
        return [record for record in records if record.seq > cursor]

    async def _wait(self, deals: FeedDeals) -> None:
        self._deal_in_part(deals)
        for campaign_id, count in deals.waiting.items():
            await self._supplies.more(self._shard, campaign_id, deals.source, count)

    def _deal_in_part(self, deals: FeedDeals) -> None:
        """What is there goes out at once; the position stays, and who has a card gets no second one."""
        if deals.dealt is not None:
            self._shard.commit(Change(deals.dealt))


class _CardsLacking(Exception):
    def __init__(self, deals: FeedDeals) -> None:
        super().__init__("cards are lacking")
        self.deals = deals


def exchange_sink(shard: OwnedShard, *, skip_records: int, rows_per_record_max: int) -> ShardSink:
    """Follows another shard's exchanges with people of this one; their cards arrive."""

    def effect(records: Sequence[FeedRecord]) -> ExchangesFollowed | None:
        return follow_exchanges(shard.state, [*_exchanges(records)])

    return ShardSink(
        shard, effect, skip_records=skip_records, batch_records=lambda: rows_per_record_max, weigh=_row_count
    )


def _exchanges(
    records: Sequence[FeedRecord],
) -> Iterator[tuple[int, ExchangesOpened | ExchangesEnded]]:
    for record in records:
        if isinstance(record.event, events_pb2.CardsEvent):
            match record.event.WhichOneof("event"):
                case "exchanges_opened":
                    yield record.seq, opened_from_contract(record.event.exchanges_opened)
                case "exchanges_ended":
                    yield record.seq, ended_from_contract(record.event.exchanges_ended)


def _row_count(record: FeedRecord) -> int:
    if not isinstance(record.event, events_pb2.CardsEvent):
        return 1
    event = record.event
    return max(1, len(event.exchanges_opened.cards), len(event.exchanges_ended.cards))


def _friendships(records: Sequence[FeedRecord]) -> list[Friendship]:
    friendships = []
    for record in records:
        event = record.event
        # Kinds of events that came later are none of our business.
        if isinstance(event, social_events_pb2.SocialEvent) and event.HasField("friendship_made"):
            made = event.friendship_made
            if made.by_merge:
                # Not new: under the earlier number of one of the two it has earned what it earns.
                continue
            friendships.append(
                Friendship(PersonId(made.low_person_id), PersonId(made.high_person_id), record.time_ms)
            )
    return friendships


def _invitations(records: Sequence[FeedRecord]) -> list[Invitation]:
    told = [
        record.event.invitation_fulfilled
        for record in records
        if isinstance(record.event, social_events_pb2.SocialEvent) and _is_invitation(record)
    ]
    return [
        Invitation(
            CampaignId(fulfilled.campaign_id),
            PersonId(fulfilled.inviting_person_id),
            PersonId(fulfilled.invited_person_id),
            milliseconds(fulfilled.fulfilled_at),
        )
        for fulfilled in told
    ]


def _is_invitation(record: FeedRecord) -> bool:
    event = record.event
    return isinstance(event, social_events_pb2.SocialEvent) and event.HasField("invitation_fulfilled")
