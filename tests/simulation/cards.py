"""What must be true of cards at every moment, told from the cards' journals alone."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hongbao.cards.v1 import events_pb2
from services.mesh.shards.hashing import shard_of
from tests.simulation.card_records import Exchanged, ShardCards, day_of, rows_of, state_told
from tests.simulation.disk import Written
from tests.simulation.processes import SHARDS

KINDS = range(1, 6)
_NO_LIMIT = 1_000_000
GIVES_CARD = (events_pb2.EXCHANGE_STATE_ACCEPTED, events_pb2.EXCHANGE_STATE_ANSWERED)
"""Ends with which the card goes to the receiver."""


class CardRules:
    """Follows the cards' journals and raises AssertionError at the first record that may not be. One game."""

    def __init__(self) -> None:
        self.shards: dict[int, ShardCards] = {}
        self.hands: Counter[tuple[int, int]] = Counter()
        """How many of a card a person holds."""
        self.gifts: dict[str, Exchanged] = {}
        """Every gift that was offered, by its request."""
        self.asks: set[str] = set()
        """Every ask, by its request."""
        self.ended: Counter[tuple[int, int, int, bool, int]] = Counter()
        """How often what ended how: giver, receiver, card, whether it was an ask, and the state."""
        self.on_the_way: dict[tuple[int, int, str], Exchanged] = {}
        """Cards to another shard that have not arrived."""
        self.merged: dict[int, int] = {}
        """Who provisional people turned out to be, as cards know it."""
        self._moving: dict[tuple[int, int], tuple[int, ...]] = {}
        """Hands on their way to another shard, by the merged person and the record that sent them."""
        self._moved_in: list[tuple[tuple[int, int], tuple[int, ...]]] = []
        self._closings: list[tuple[ShardCards, Any]] = []
        """Books of supplies that were closed, to be compared once all shards were read."""
        self._begun: set[tuple[int, int, str]] = set()
        self._waiting: dict[tuple[int, int, str], Exchanged] = {}
        self._earned: set[tuple[int, str, int]] = set()
        self._a_day: Counter[tuple[str, int, int]] = Counter()
        """What people did in a day of Beijing, by what it is and who they are."""
        self._arrivals: list[Exchanged] = []

    @property
    def completed(self) -> set[int]:
        """Everybody who completed a set."""
        return {person_id for cards in self.shards.values() for person_id in cards.completed}

    @property
    def completed_people(self) -> set[int]:
        """Everybody who completed a set with one of their accounts."""
        return {self.real(person_id) for person_id in self.completed}

    def real(self, person_id: int) -> int:
        """Who somebody turned out to be."""
        return self.merged.get(person_id, person_id)

    def share_fen(self, person_id: int) -> int:
        """What the set of somebody who completed one is worth, once the pool is decided."""
        (shard,) = (shard for shard in self.shards.values() if person_id in shard.completed)
        # Every shard has the same decision, but not at the same moment.
        decision = next(shard.decision for shard in self.shards.values() if shard.decision is not None)
        if shard.is_lucky:
            return int(decision.luck_shares_fen[shard.luck[person_id] - 1])
        return int(decision.share_fen)

    @property
    def issued(self) -> Counter[int]:
        """Cards issued, by kind."""
        return sum((cards.issued for cards in self.shards.values()), Counter())

    def follow(self, written: Written) -> None:  # noqa: C901, PLR0912 - one case for each kind
        """Takes a record in. A card may be read on arrival before its sending: see `check`."""
        kind = written.event.WhichOneof("event")
        event = getattr(written.event, kind)
        if kind == "game_prepared":
            self._prepared(written.shard, event)
        elif kind == "cards_dealt":
            for deal in event.deals:
                self._dealt(written.shard, deal)
        elif kind == "exchanges_opened":
            self._opened(written, event)
        elif kind == "exchanges_ended":
            self._ended(written, event)
        elif kind == "exchanges_followed":
            for part in event.parts:
                if part.HasField("ended"):
                    self._followed(written.shard, part.ended)
        elif kind == "sets_completed":
            self._completed(written, event)
        elif kind == "set_undone":
            self._undone(self.shards[written.shard], event.person_id)
        elif kind == "persons_merged":
            pairs = zip(event.provisional_person_ids, event.person_ids, strict=True)
            for person_id, into_person_id in pairs:
                assert self.merged.setdefault(person_id, into_person_id) == into_person_id
        elif kind == "hands_moved":
            for hand in event.hands:
                self._hand_moved(written, hand)
        elif kind == "hands_arrived":
            for arrived in event.hands:
                self._hand_arrived(arrived)
        elif kind == "shard_sealed":
            self._sealed(self.shards[written.shard], event)
        elif kind == "supply_closed":
            self._closings.append((self.shards[written.shard], event))
        elif kind == "pool_decided":
            self._decided(self.shards[written.shard], event)

    def check(self) -> None:
        """What holds once all journals were read to the same moment: every card is in exactly one place."""
        for arrived in self._arrivals:
            sent = self.on_the_way.pop(arrived.key, None)
            assert sent == arrived, "what arrives was sent, and arrives once"
        self._arrivals.clear()
        for key, cards in self._moved_in:
            assert self._moving.pop(key, None) == cards, "hands that arrive were sent, and arrive once"
        self._moved_in.clear()
        for closed, event in self._closings:
            self._supply_closed(closed, event)
        self._closings.clear()
        on_the_way = Counter(sent.card for sent in self.on_the_way.values())
        for cards in self._moving.values():
            on_the_way.update(dict(zip(KINDS, cards, strict=True)))
        offered = Counter(waiting.card for waiting in self._waiting.values() if waiting.is_gift)
        for kind in KINDS:
            held = sum(count for (_, card), count in self.hands.items() if card == kind)
            places = held + len(self.completed) + on_the_way[kind] + offered[kind]
            assert self.issued[kind] == places, f"card {kind}: {self.issued[kind]} issued, {places} found"
        for shard in self.shards.values():
            if shard.decision is not None:
                self._check_decision(shard.decision)

    def _prepared(self, shard: int, event: Any) -> None:
        assert shard not in self.shards, "a shard is prepared once"
        self.shards[shard] = ShardCards(
            limits=Counter({limit.card: limit.issue_limit for limit in event.supply.card_limits}),
            quotas=Counter({quota.source: quota.card_quota for quota in event.supply.source_quotas}),
            deadline_ms=event.deadline.ToMilliseconds(),
            gifts_per_day_max=event.exchange_limits.gifts_per_day_max or _NO_LIMIT,
            deals_per_day_max=event.deals_per_day_max or _NO_LIMIT,
            is_lucky=event.share_mode == events_pb2.SHARE_MODE_LUCKY,
        )

    def dealt_from(self, source: int) -> int:
        """How many cards one source has dealt."""
        return sum(shard.by_source[source] for shard in self.shards.values())

    def _dealt(self, shard: int, deal: Any) -> None:
        cards = self.shards[shard]
        assert not cards.is_sealed, "nothing is dealt after the seal"
        assert deal.first_draw_index == cards.issued.total(), "draws have no gaps"
        keys = deal.source_keys if len(deal.source_keys) > 1 else list(deal.source_keys) * len(deal.cards)
        day = day_of(deal.dealt_at)
        for person_id, card, key in zip(deal.person_ids, deal.cards, keys, strict=True):
            self._a_day["deals", person_id, day] += 1
            assert self._a_day["deals", person_id, day] <= cards.deals_per_day_max, "a day has an end"
            assert shard_of(person_id, SHARDS["cards"]) == shard, "people get cards on their shard"
            assert (deal.source, key, person_id) not in self._earned, "nothing earns two cards"
            self._earned.add((deal.source, key, person_id))
            cards.issued[card] += 1
            cards.by_source[deal.source] += 1
            self.hands[person_id, card] += 1
        by_source = sum((shard.by_source for shard in self.shards.values()), Counter[int]())
        assert self.issued <= cards.limits, "the issue limit is hard, for all shards together"
        assert by_source <= cards.quotas, "the quota is hard, for all shards together"

    def _opened(self, written: Written, opened: Any) -> None:
        cards = self.shards[written.shard]
        assert not cards.is_sealed, "nothing is offered after the seal"
        assert opened.opened_at.ToMilliseconds() < cards.deadline_ms, "gifts are offered before the deadline"
        assert opened.expires_at.ToMilliseconds() <= cards.deadline_ms, "nothing outlives the deadline"
        for exchange in rows_of(opened, [opened.kind] * len(opened.cards), opened.receiver_shards):
            assert exchange.key not in self._begun, "an exchange begins once"
            self._begun.add(exchange.key)
            self._waiting[exchange.key] = exchange
            if exchange.is_gift:
                assert self.hands[exchange.giver_id, exchange.card] > 0, "nobody gives what they do not hold"
                self.hands[exchange.giver_id, exchange.card] -= 1
                self.gifts[exchange.request_id] = exchange
                cards.waiting[exchange.giver_id] += 1
                of_the_day = ("gifts", exchange.giver_id, day_of(opened.opened_at))
                self._a_day[of_the_day] += 1
                assert self._a_day[of_the_day] <= cards.gifts_per_day_max, "a day's gifts are bounded"
            else:
                self.asks.add(exchange.request_id)

    def _ended(self, written: Written, ended: Any) -> None:
        cards = self.shards[written.shard]
        assert not cards.is_sealed, "what waits ends before the seal"
        rows = rows_of(ended, ended.kinds, ended.receiver_shards)
        for exchange, state in zip(rows, ended.states, strict=True):
            assert self._waiting.pop(exchange.key) == exchange, "what ends had begun, and ends once"
            is_ask = not exchange.is_gift
            self.ended[exchange.giver_id, exchange.receiver_id, exchange.card, is_ask, state_told(state)] += 1
            cards.waiting[exchange.giver_id] -= exchange.is_gift
            if state in GIVES_CARD:
                assert ended.ended_at.ToMilliseconds() < cards.deadline_ms, (
                    "cards are given before the deadline"
                )
                if not exchange.is_gift:
                    assert self.hands[exchange.giver_id, exchange.card] > 0, (
                        "nobody gives what they do not hold"
                    )
                    self.hands[exchange.giver_id, exchange.card] -= 1
                if exchange.to_shard == written.shard:
                    self.hands[exchange.receiver_id, exchange.card] += 1
                else:
                    self.on_the_way[exchange.key] = exchange
            elif exchange.is_gift:
                self.hands[exchange.giver_id, exchange.card] += 1

    def _followed(self, shard: int, ended: Any) -> None:
        rows = rows_of(ended, ended.kinds, [shard] * len(ended.cards))
        for exchange, state in zip(rows, ended.states, strict=True):
            if state in GIVES_CARD:
                self._arrivals.append(exchange)
                self.hands[exchange.receiver_id, exchange.card] += 1

    def _completed(self, written: Written, event: Any) -> None:
        cards = self.shards[written.shard]
        assert not cards.is_sealed, "no set is completed after the seal"
        assert max(event.completed_at_ms) < cards.deadline_ms, "sets close to the millisecond"
        lucks = event.luck_classes if cards.is_lucky else bytes(len(event.person_ids))
        cards.luck.update(zip(event.person_ids, lucks, strict=True))
        for person_id in event.person_ids:
            assert person_id not in cards.completed, "a person completes once"
            for kind in KINDS:
                assert self.hands[person_id, kind] > 0, "a set is one of each"
                self.hands[person_id, kind] -= 1
            cards.completed.add(person_id)

    def _undone(self, cards: ShardCards, person_id: int) -> None:
        assert not cards.is_sealed, "no set is taken back after the seal"
        assert person_id in self.merged, "only somebody else's set is one too many"
        cards.completed.remove(person_id)
        for kind in KINDS:
            self.hands[person_id, kind] += 1

    def _hand_moved(self, written: Written, hand: Any) -> None:
        assert not self.shards[written.shard].is_sealed, "no hand goes on after the seal"
        assert self.merged[hand.from_person_id] == hand.to_person_id, "hands go to who their people are"
        for kind, count in zip(KINDS, hand.cards, strict=True):
            assert self.hands.pop((hand.from_person_id, kind), 0) == count, "all of a hand goes"
            if hand.to_shard == written.shard:
                self.hands[hand.to_person_id, kind] += count
        if hand.to_shard != written.shard:
            self._moving[hand.from_person_id, written.record.seq] = tuple(hand.cards)

    def _hand_arrived(self, arrived: Any) -> None:
        hand = arrived.hand
        self._moved_in.append(((hand.from_person_id, arrived.sent_seq), tuple(hand.cards)))
        for kind, count in zip(KINDS, hand.cards, strict=True):
            self.hands[hand.to_person_id, kind] += count

    def _sealed(self, cards: ShardCards, event: Any) -> None:
        assert not cards.is_sealed, "a shard is sealed once"
        assert event.sealed_at.ToMilliseconds() >= cards.deadline_ms, "no shard is sealed too early"
        assert event.sets_completed == len(cards.completed), "the seal counts every set"
        assert not any(cards.waiting.values()), "nothing is offered any more at the seal"
        assert list(event.issued_by_card) == [cards.issued[kind] for kind in KINDS], "nor is a card forgotten"
        cards.is_sealed = True

    def _supply_closed(self, cards: ShardCards, event: Any) -> None:
        assert list(event.issued_by_kind) == [self.issued[kind] for kind in KINDS], "home counts every card"
        columns = (
            event.issued_by_kind,
            event.returned_by_kind,
            event.granted_in_vain_by_kind,
            event.never_granted_by_kind,
        )
        found = [sum(column) for column in zip(*columns, strict=True)]
        assert found == [cards.limits[kind] for kind in KINDS], "every card of the limit is accounted for"

    def _decided(self, cards: ShardCards, event: Any) -> None:
        assert cards.is_sealed, "the pool is decided after the seal"
        assert cards.decision is None, "the pool is decided once"
        cards.decision = event

    def _check_decision(self, decision: Any) -> None:
        sets = [len(self.shards[shard].completed) for shard in range(SHARDS["cards"])]
        assert all(cards.is_sealed for cards in self.shards.values()), "the pool is decided after all seals"
        assert list(decision.sets_by_shard) == sets, "the decision counts every set"
        shares_fen = sum(map(self.share_fen, self.completed))
        assert shares_fen + decision.remainder_fen == decision.pool_fen, "the pool is shared exactly"
        assert not sum(sets) or 0 <= decision.remainder_fen < sum(sets), "the share is the largest that fits"
