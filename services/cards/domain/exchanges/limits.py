"""How much of it people may do: asked once for every exchange that a batch would begin or accept.

One of these is made for each batch, with the state before it; what the batch itself adds is counted in it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import dataclass

from services.cards.domain.exchanges.identity import ExchangeKey
from services.cards.domain.exchanges.machine import ExchangeKind
from services.cards.domain.flows.counts import RARE
from services.cards.domain.flows.errors import FanInLimitReached, VelocityLimitReached, WaitingLimitReached
from services.cards.domain.flows.limits import ExchangeLimits
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings.daily import day_of, day_start_ms
from services.cards.domain.vocabulary import CampaignId, Card, PersonId

_UNTOLD_MS = 60_000
"""How long something counts that is under way: longer than any call takes."""


class OpeningLimits:
    """On the giver's shard, before a gift is offered. Asks are judged where the asking person is."""

    def __init__(self, game: ShardGame, kind: ExchangeKind, now_ms: int, limits: ExchangeLimits) -> None:
        self._campaign_id = game.prepared.campaign_id
        self._counts, self._limits = game.exchanges.counts, limits
        self._is_gift, self._now_ms = kind is ExchangeKind.GIFT, now_ms
        self._begun: Counter[PersonId] = Counter()

    def check(self, giver_id: PersonId) -> None:
        """Raises `VelocityLimitReached` or `WaitingLimitReached`; else it counts one more."""
        if not self._is_gift:
            return
        begun = self._begun[giver_id]
        counts, limits = self._counts, self._limits
        offered = counts.day(self._now_ms).offered[giver_id] + begun
        use = ("gifts_per_day_max", limits.gifts_per_day_max, offered)
        _check_velocity(self._campaign_id, giver_id, use, self._now_ms)
        _check_waiting(self._campaign_id, giver_id, limits.waiting_max, counts.waiting[giver_id] + begun)
        self._begun[giver_id] += 1


Place = tuple[CampaignId, ExchangeKind, PersonId]
"""Gifts that a person is about to receive in a game, or asks that they are about to make."""


@dataclass(frozen=True, slots=True)
class _Coming:
    """Something that another shard decides about, as long as this one has not followed what it decided."""

    giver_id: PersonId
    is_rare: bool
    since_ms: int


class UnderWay:
    """What people are about to receive, and to ask for: counted beside what is on record.

    Otherwise many at once would pass a limit that each of them alone respects. Kept in memory: after a crash,
    what was under way is on record elsewhere, and follows by the feed.
    """

    def __init__(self, entries_max: int) -> None:
        """Remembers at most so much that is under way; the longest untouched people are forgotten first."""
        self._entries_max = entries_max
        self._entries = 0
        self._people: OrderedDict[Place, dict[ExchangeKey, _Coming]] = OrderedDict()

    def of(self, game: ShardGame, place: Place, now_ms: int) -> dict[ExchangeKey, _Coming]:
        """What is still under way."""
        before = self._people.pop(place, {})
        kept = {
            key: coming
            for key, coming in before.items()
            if now_ms - coming.since_ms < _UNTOLD_MS and not _is_followed(game, place[1], key, now_ms)
        }
        self._entries += len(kept) - len(before)
        if kept:
            self._people[place] = kept
        return kept

    def has(self, place: Place, key: ExchangeKey) -> bool:
        """Whether it was under way when `of` was asked last, or was added since."""
        return key in self._people.get(place, ())

    def add(self, place: Place, key: ExchangeKey, coming: _Coming) -> None:
        """Notes one more."""
        entries = self._people.setdefault(place, {})
        self._entries += key not in entries
        entries[key] = coming
        while self._entries > self._entries_max:
            _, oldest = self._people.popitem(last=False)
            self._entries -= len(oldest)

    def forget(self, place: Place, key: ExchangeKey) -> None:
        """What was under way is not to come."""
        entries = self._people.get(place, {})
        self._entries -= entries.pop(key, None) is not None
        if not entries:
            self._people.pop(place, None)


@dataclass(slots=True)
class _Received:
    """What has come to a person, is about to, and may still come for what they have asked."""

    today: int
    """Cards on this day."""
    giver_ids: set[int]
    """From whom."""
    rare: int
    """Rare cards in the whole game."""

    def add(self, giver_id: int, *, is_rare: bool, count: int = 1) -> None:
        self.today += count
        self.giver_ids.add(giver_id)
        self.rare += is_rare * count


class ReceivingLimits:
    """On the receiver's shard, before the giver's is asked: for gifts to accept, or asks to make."""

    def __init__(
        self, game: ShardGame, kind: ExchangeKind, now_ms: int, limits: ExchangeLimits, under_way: UnderWay
    ) -> None:
        self._game, self._kind, self._now_ms, self._limits = game, kind, now_ms, limits
        self._under_way = under_way
        self._received: dict[PersonId, _Received] = {}

    def check(
        self, receiver_id: PersonId, giver_id: PersonId, key: ExchangeKey, card: Card | None = None
    ) -> None:
        """Raises `FanInLimitReached`, or for an ask what `OpeningLimits` raises; else it is under way.

        What is under way, or known here to have come about, or to have ended, was judged before. `card` is
        what is asked for; of a gift that this shard has not heard of yet, the card might be the rare one.
        """
        table = self._game.exchanges.table
        row = table.row_of(key)
        is_ask = self._kind is ExchangeKind.ASK
        if row is not None and (is_ask or not table.waits(row, self._now_ms)):
            return
        kind_of_card = card if row is None else table.exchange(row).card
        new = _Coming(giver_id, kind_of_card in {RARE, None}, self._now_ms)
        received, begun = self._received_by(receiver_id), self._asks_under_way(receiver_id) if is_ask else 0
        place = self._place(self._kind, receiver_id)
        if not self._under_way.has(place, key):
            self._check_fan_in(receiver_id, new, received)
            if is_ask:
                self._check_asks(receiver_id, begun)
            else:
                received.add(new.giver_id, is_rare=new.is_rare)
        self._under_way.add(place, key, new)

    def refused(self, receiver_id: PersonId, key: ExchangeKey) -> None:
        """The giver's shard said no: it is under way no more."""
        self._under_way.forget(self._place(self._kind, receiver_id), key)

    def _check_fan_in(self, receiver_id: PersonId, new: _Coming, received: _Received) -> None:
        limits, tomorrow_ms = self._limits, _next_day_ms(self._now_ms)
        uses = [("received_per_day_max", limits.received_per_day_max, received.today, tomorrow_ms)]
        if new.giver_id not in received.giver_ids:
            givers = len(received.giver_ids)
            uses.append(("givers_per_day_max", limits.givers_per_day_max, givers, tomorrow_ms))
        if new.is_rare:
            deadline_ms = self._game.prepared.deadline_ms
            uses.append(("rare_received_max", limits.rare_received_max, received.rare, deadline_ms))
        for name, limit, used, again_at_ms in uses:
            if used >= limit:
                raise FanInLimitReached(self._campaign_id, receiver_id, (name, limit, used), again_at_ms)

    def _check_asks(self, asking_id: PersonId, begun: int) -> None:
        counts, limits = self._game.exchanges.counts, self._limits
        asked = (
            "asks_per_day_max",
            limits.asks_per_day_max,
            counts.day(self._now_ms).asked[asking_id] + begun,
        )
        _check_velocity(self._campaign_id, asking_id, asked, self._now_ms)
        _check_waiting(self._campaign_id, asking_id, limits.waiting_max, counts.waiting[asking_id] + begun)

    def _received_by(self, receiver_id: PersonId) -> _Received:
        """Looked up once for the whole batch, which adds what it lets pass."""
        known = self._received.get(receiver_id)
        if known is None:
            counts = self._game.exchanges.counts
            day = counts.day(self._now_ms)
            known = self._received[receiver_id] = _Received(
                day.received[receiver_id],
                set(day.givers.get(receiver_id, ())),
                counts.rare_received[receiver_id],
            )
            # An ask that is answered brings its card without being asked again.
            for (giver_id, is_rare), count in counts.open_asks.get(receiver_id, {}).items():
                known.add(giver_id, is_rare=is_rare, count=count)
            for kind in ExchangeKind:
                place = self._place(kind, receiver_id)
                for coming in self._under_way.of(self._game, place, self._now_ms).values():
                    known.add(coming.giver_id, is_rare=coming.is_rare)
        return known

    def _asks_under_way(self, asking_id: PersonId) -> int:
        return len(self._under_way.of(self._game, self._place(ExchangeKind.ASK, asking_id), self._now_ms))

    def _place(self, kind: ExchangeKind, person_id: PersonId) -> Place:
        return self._campaign_id, kind, person_id

    @property
    def _campaign_id(self) -> CampaignId:
        return self._game.prepared.campaign_id


def _is_followed(game: ShardGame, kind: ExchangeKind, key: ExchangeKey, now_ms: int) -> bool:
    """Whether what another shard decided is known here by now, and counted on record."""
    table = game.exchanges.table
    row = table.row_of(key)
    return row is not None and (kind is ExchangeKind.ASK or not table.waits(row, now_ms))


def _check_velocity(
    campaign_id: CampaignId, person_id: PersonId, use: tuple[str, int, int], now_ms: int
) -> None:
    """`use` is the limit's name, the limit, and how much of it is used."""
    _, limit, used = use
    if used >= limit:
        raise VelocityLimitReached(campaign_id, person_id, use, _next_day_ms(now_ms))


def _check_waiting(campaign_id: CampaignId, person_id: PersonId, waiting_max: int, waiting: int) -> None:
    if waiting >= waiting_max:
        raise WaitingLimitReached(campaign_id, person_id, waiting_max, waiting)


def _next_day_ms(now_ms: int) -> int:
    """When the next day of Beijing begins."""
    return day_start_ms(day_of(now_ms) + 1)
