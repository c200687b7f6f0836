"""What must be true of cards at every moment, told from the cards' journals alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from services.mesh.shards.hashing import shard_of
from tests.simulation.disk import Written
from tests.simulation.processes import SHARDS

KINDS = range(1, 6)


@dataclass(slots=True)
class ShardCards:
    """One shard's part of the game."""

    limits: Counter[int]
    quotas: Counter[int]
    deadline_ms: int
    issued: Counter[int] = field(default_factory=Counter)
    by_source: Counter[int] = field(default_factory=Counter)
    completed: set[int] = field(default_factory=set)
    is_sealed: bool = False
    decision: Any = None


class CardRules:
    """Follows the cards' journals and raises AssertionError at the first record that may not be. One game."""

    def __init__(self) -> None:
        self.shards: dict[int, ShardCards] = {}
        self.hands: Counter[tuple[int, int]] = Counter()
        """How many of a card a person holds."""
        self.gifts: dict[str, Any] = {}
        """Every gift that was sent, by its request."""
        self.on_the_way: dict[tuple[int, int], Any] = {}
        """Gifts to another shard that have not arrived, by the record that sent them."""
        self._earned: set[tuple[int, str, int]] = set()
        self._arrivals: list[tuple[int, Any, str]] = []

    @property
    def completed(self) -> set[int]:
        """Everybody who completed a set."""
        return {person_id for cards in self.shards.values() for person_id in cards.completed}

    @property
    def issued(self) -> Counter[int]:
        """Cards issued, by kind."""
        return sum((cards.issued for cards in self.shards.values()), Counter())

    def follow(self, written: Written) -> None:
        """Takes a record in. A gift may be read on arrival before its sending: see `check`."""
        kind = written.event.WhichOneof("event")
        event = getattr(written.event, kind)
        if kind == "game_prepared":
            self._prepared(written.shard, event)
        elif kind == "cards_dealt":
            for deal in event.deals:
                self._dealt(written.shard, deal)
        elif kind == "gift_sent":
            self._sent(written, event)
        elif kind == "gifts_received":
            source = written.event.position.source
            self._arrivals += [(written.shard, gift, source) for gift in event.gifts]
            for gift in event.gifts:
                self.hands[gift.to_person_id, gift.card] += 1
        elif kind == "sets_completed":
            self._completed(written, event)
        elif kind == "shard_sealed":
            self._sealed(self.shards[written.shard], event)
        elif kind == "pool_decided":
            self._decided(self.shards[written.shard], event)

    def check(self) -> None:
        """What holds once all journals were read to the same moment: every card is in exactly one place."""
        for shard, gift, source in self._arrivals:
            sent = self.on_the_way.pop((int(source.partition("/")[2]), gift.sent_seq), None)
            assert sent is not None, "what arrives was sent, and arrives once"
            assert (sent.to_shard, sent.to_person_id, sent.card) == (shard, gift.to_person_id, gift.card)
        self._arrivals.clear()
        on_the_way = Counter(gift.card for gift in self.on_the_way.values())
        for kind in KINDS:
            held = sum(count for (_, card), count in self.hands.items() if card == kind)
            places = held + len(self.completed) + on_the_way[kind]
            assert self.issued[kind] == places, f"card {kind}: {self.issued[kind]} issued, {places} found"
        for cards in self.shards.values():
            if cards.decision is not None:
                self._check_decision(cards.decision)

    def _prepared(self, shard: int, event: Any) -> None:
        assert shard not in self.shards, "a shard is prepared once"
        self.shards[shard] = ShardCards(
            limits=Counter({limit.card: limit.issue_limit for limit in event.supply.card_limits}),
            quotas=Counter({quota.source: quota.card_quota for quota in event.supply.source_quotas}),
            deadline_ms=event.deadline.ToMilliseconds(),
        )

    def _dealt(self, shard: int, deal: Any) -> None:
        cards = self.shards[shard]
        assert not cards.is_sealed, "nothing is dealt after the seal"
        assert deal.first_draw_index == cards.issued.total(), "draws have no gaps"
        keys = deal.source_keys if len(deal.source_keys) > 1 else list(deal.source_keys) * len(deal.cards)
        for person_id, card, key in zip(deal.person_ids, deal.cards, keys, strict=True):
            assert shard_of(person_id, SHARDS["cards"]) == shard, "people get cards on their shard"
            assert (deal.source, key, person_id) not in self._earned, "nothing earns two cards"
            self._earned.add((deal.source, key, person_id))
            cards.issued[card] += 1
            cards.by_source[deal.source] += 1
            self.hands[person_id, card] += 1
        assert cards.issued <= cards.limits, "the issue limit is hard"
        assert cards.by_source <= cards.quotas, "the quota is hard"

    def _sent(self, written: Written, gift: Any) -> None:
        cards = self.shards[written.shard]
        assert not cards.is_sealed, "nothing is given after the seal"
        assert gift.sent_at.ToMilliseconds() < cards.deadline_ms, "gifts are sent before the deadline"
        assert gift.request_id not in self.gifts, "a gift is sent once"
        assert self.hands[gift.from_person_id, gift.card] > 0, "nobody gives what they do not hold"
        self.gifts[gift.request_id] = gift
        self.hands[gift.from_person_id, gift.card] -= 1
        if gift.to_shard == written.shard:
            self.hands[gift.to_person_id, gift.card] += 1
        else:
            self.on_the_way[written.shard, written.record.seq] = gift

    def _completed(self, written: Written, event: Any) -> None:
        cards = self.shards[written.shard]
        assert not cards.is_sealed, "no set is completed after the seal"
        assert max(event.completed_at_ms) < cards.deadline_ms, "sets close to the millisecond"
        for person_id in event.person_ids:
            assert person_id not in cards.completed, "a person completes once"
            for kind in KINDS:
                assert self.hands[person_id, kind] > 0, "a set is one of each"
                self.hands[person_id, kind] -= 1
            cards.completed.add(person_id)

    def _sealed(self, cards: ShardCards, event: Any) -> None:
        assert not cards.is_sealed, "a shard is sealed once"
        assert event.sealed_at.ToMilliseconds() >= cards.deadline_ms, "no shard is sealed too early"
        assert event.sets_completed == len(cards.completed), "the seal counts every set"
        cards.is_sealed = True

    def _decided(self, cards: ShardCards, event: Any) -> None:
        assert cards.is_sealed, "the pool is decided after the seal"
        assert cards.decision is None, "the pool is decided once"
        cards.decision = event

    def _check_decision(self, decision: Any) -> None:
        sets = [len(self.shards[shard].completed) for shard in range(SHARDS["cards"])]
        assert all(cards.is_sealed for cards in self.shards.values()), "the pool is decided after all seals"
        assert list(decision.sets_by_shard) == sets, "the decision counts every set"
        shares_fen = decision.share_fen * sum(sets)
        assert shares_fen + decision.remainder_fen == decision.pool_fen, "the pool is shared exactly"
        assert not sum(sets) or 0 <= decision.remainder_fen < sum(sets), "the share is the largest that fits"
