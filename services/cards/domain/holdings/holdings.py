"""The hands of a game on one shard, what was dealt, and how every card came and went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.events import UNRECORDED, Deal, Recorded
from services.cards.domain.holdings.candidates import Candidates
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.columns import People, Rows, has_repeats
from services.cards.domain.holdings.daily import DailyDeals
from services.cards.domain.holdings.deals import Deals, first_alike, ranks_of
from services.cards.domain.holdings.hand import Hand
from services.cards.domain.holdings.hands import Hands
from services.cards.domain.holdings.kept import KeptHoldings
from services.cards.domain.holdings.keys import Keys
from services.cards.domain.holdings.movements import WHOLE_SET, MovementColumns, Movements, Subjects
from services.cards.domain.holdings.runs import Runs
from services.cards.domain.vocabulary import CARDS, Card, PersonId, Source

_EACH_CARD = np.array(CARDS, np.uint8)


@dataclass(frozen=True, slots=True)
class LookedUp:
    """A batch of which nothing was dealt before: most often the next deal, and not to be looked up again."""

    source: Source
    people: People
    source_keys: Sequence[str]
    rows: Rows
    movement_count: int
    """Movements at that time: while there are no more of them, all is as it was."""

    def is_of(self, deal: Deal, people: People, movement_count: int) -> bool:
        """Whether this is that batch, and nothing has happened since."""
        return (
            self.movement_count == movement_count
            and self.source is deal.source
            and np.array_equal(self.people, people)
            and list(self.source_keys) == list(deal.source_keys)
        )


class Holdings:
    """Who holds what. Others put cards in and take them out; each counts them on the other side.

    Whoever moves cards says why: that is what the history tells, and nothing else depends on it.
    """

    __slots__ = ("_looked_up", "daily", "deals", "draws", "hands", "movements")

    def __init__(self, deals_per_day_max: int = 0) -> None:
        """Empty hands; `deals_per_day_max` cards are dealt to a person in a day, 0 for no limit."""
        self.hands = Hands()
        self.movements = Movements()
        self.deals = Deals(self.movements)
        self.daily = DailyDeals(deals_per_day_max)
        self._looked_up: LookedUp | None = None
        self.draws = Runs(1)
        """From the first movement of each batch of deals on: the index of its first draw."""

    @property
    def held(self) -> Sequence[int]:
        """Cards in all hands, by card."""
        return self.hands.held

    @property
    def holder_count(self) -> int:
        """People with at least one card in their hand."""
        return self.hands.holder_count

    def hand_of(self, person_id: PersonId) -> Hand:
        """The person's cards, none for a person who never had one."""
        return self.hands.copies_of(self.hands.row(person_id))

    def count(self, person_id: PersonId, card: Card) -> int:
        """Copies of a card in the person's hand."""
        return self.hands.copies_of(self.hands.row(person_id))[card - 1]

    def have_sets(self, person_ids: People) -> NDArray[np.bool_]:
        """Whether each holds one of each card."""
        return self.hands.have_sets(self.hands.rows(person_ids))

    def have_any(self, person_ids: People) -> NDArray[np.bool_]:
        """Whether each holds a card at all."""
        return self.hands.have_any(self.hands.rows(person_ids))

    def candidates(
        self, source: Source, person_ids: People, source_keys: Sequence[str], now_ms: int
    ) -> Candidates:
        """What hands say to a batch. `source_keys` has one element for all persons, or one for each."""
        rows = self.hands.rows(person_ids)
        codes = self.deals.earned(source, person_ids, source_keys, keeps_keys=False).codes
        known = self.deals.find(rows, codes)
        cards = np.zeros(len(rows), np.uint8)
        is_known = known >= 0
        cards[is_known] = self.movements.cards(known[is_known])
        first = first_alike(person_ids, codes)
        self._looked_up = None
        is_fresh = ~is_known & (first == np.arange(len(rows)))
        if is_fresh.all():
            self._looked_up = LookedUp(source, person_ids, source_keys, rows, len(self.movements))
        is_within_limit = np.ones(len(rows), np.bool_)
        if self.daily.per_day_max:
            is_within_limit = self.daily.left(rows, now_ms) > ranks_of(person_ids, is_fresh)
        return Candidates(cards, first, is_within_limit)

    def deal_happened(self, deal: Deal, recorded: Recorded = UNRECORDED) -> None:
        """Puts issued cards into hands."""
        if not len(deal.cards):
            return
        people, cards = np.array(deal.person_ids, np.int64), np.array(deal.cards, np.uint8)
        looked_up, self._looked_up = self._looked_up, None
        is_known_new = looked_up is not None and looked_up.is_of(deal, people, len(self.movements))
        rows = self.hands.enter(people, looked_up.rows if looked_up is not None and is_known_new else None)
        earned = self.deals.earned(deal.source, people, deal.source_keys, keeps_keys=True)
        if not is_known_new:
            assert (self.deals.find(rows, earned.codes) < 0).all(), "nothing earns two cards"
            assert not has_repeats(first_alike(people, earned.codes)), "nothing earns two cards"
        self.hands.put(rows, cards)
        self.daily.dealt(rows, deal.dealt_at_ms)
        self.draws.begin(len(self.movements), deal.first_draw_index)
        cause = Cause(MovementKind.DEALT, deal.dealt_at_ms, recorded.seq)
        self._move(rows, cards, cause, earned.subjects)

    def put(self, person_id: PersonId, card: Card, cause: Cause) -> None:
        """A card comes into a hand."""
        row = self.hands.enter_one(person_id)
        self.hands.put_one(row, card)
        self.movements.add_one(row, card, cause)
        self.deals.follow_one(row)

    def take(self, person_id: PersonId, card: Card, cause: Cause) -> None:
        """A card leaves a hand, where it must be."""
        row = self.hands.row(person_id)
        self.hands.take_one(row, card)
        self.movements.add_one(row, card, cause)
        self.deals.follow_one(row)

    def put_many(
        self,
        person_ids: People,
        cards: NDArray[np.uint8],
        cause: Cause,
        other_person_ids: People | None = None,
    ) -> None:
        """A card comes into the hand of each, in order; the others are one for each, or that of the cause."""
        rows = self.hands.enter(person_ids)
        self.hands.put(rows, cards)
        self._move(rows, cards, cause, _others(cause, other_person_ids, len(rows)))

    def take_many(
        self,
        person_ids: People,
        cards: NDArray[np.uint8],
        cause: Cause,
        other_person_ids: People | None = None,
    ) -> None:
        """A card leaves the hand of each, where it must be; else as `put_many`."""
        rows = self.hands.rows(person_ids)
        self.hands.take(rows, cards)
        self._move(rows, cards, cause, _others(cause, other_person_ids, len(rows)))

    def take_sets(self, person_ids: People, cause: Cause) -> None:
        """One of each card leaves the hand of each, where they must be; nobody is named twice."""
        rows = self.hands.rows(person_ids)
        self.hands.take_sets(rows)
        self._move_sets(rows, cause)

    def put_set(self, person_id: PersonId, cause: Cause) -> None:
        """One of each card comes back into a hand, because its set was undone."""
        rows = self.hands.enter(np.array([person_id], np.int64))
        self.hands.put_sets(rows)
        self._move_sets(rows, cause)

    def take_hand(self, person_id: PersonId, cause: Cause) -> tuple[int, ...]:
        """All cards leave a hand: how many copies of each of `CARDS` there were."""
        copies = self.hands.copies_of(self.hands.row(person_id))
        self.take_many(np.full(sum(copies), person_id), np.repeat(_EACH_CARD, copies), cause)
        return copies

    def put_hand(self, person_id: PersonId, copies: Sequence[int], cause: Cause) -> None:
        """So many copies of each of `CARDS` come into a hand."""
        self.put_many(np.full(sum(copies), person_id), np.repeat(_EACH_CARD, copies), cause)

    def kept(self) -> KeptHoldings:
        """Everything as it is now; it stays so while this goes on."""
        movements, days = self.movements.columns, self.daily.kept(len(self.hands))
        moments, draws = self.movements.moments.kept(), self.draws.kept()
        return KeptHoldings(
            people=self.hands.people,
            copies=self.hands.copies.copy(),
            deal_days=days[0],
            deal_counts=days[1],
            movement_rows=movements.rows,
            movement_whats=movements.whats,
            movement_subjects=movements.subjects,
            movements_before=movements.before,
            others=movements.others,
            moment_firsts=moments[0],
            moments=moments[1],
            draw_firsts=draws[0],
            draw_indexes=draws[1],
            keys=self.deals.keys.kept(),
        )

    @classmethod
    def of_kept(cls, kept: KeptHoldings, deals_per_day_max: int) -> Holdings:
        """The inverse of `kept`, whose columns it takes for its own."""
        holdings = cls(deals_per_day_max)
        holdings.hands = Hands.of_kept(kept.people, kept.copies)
        columns = MovementColumns(
            kept.movement_rows,
            kept.movement_whats,
            kept.movement_subjects,
            kept.movements_before,
            kept.others,
        )
        moments = Runs.of_kept(kept.moment_firsts, kept.moments)
        holdings.movements = Movements.of_columns(columns, moments, len(kept.people))
        holdings.draws = Runs.of_kept(kept.draw_firsts, kept.draw_indexes)
        holdings.deals = Deals(holdings.movements)
        holdings.deals.restore(Keys.of_kept(kept.keys))
        holdings.daily.restore(kept.deal_days, kept.deal_counts)
        return holdings

    def _move_sets(self, rows: Rows, cause: Cause) -> None:
        cards = np.full(len(rows), WHOLE_SET, np.uint8)
        self._move(rows, cards, cause, _others(cause, None, len(rows)))

    def _move(self, rows: Rows, cards: NDArray[np.uint8], cause: Cause, subjects: Subjects) -> None:
        lengths = self.movements.lengths(rows)
        numbers = self.movements.add(rows, cards, cause, subjects)
        self.deals.follow(rows, numbers, lengths, are_deals=cause.kind is MovementKind.DEALT)


def _others(cause: Cause, person_ids: People | None, count: int) -> Subjects:
    if person_ids is None:
        person_ids = np.full(count, cause.other_person_id or 0)
    return Subjects(person_ids, np.zeros(count, np.int64))
