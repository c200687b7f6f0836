"""Hands, deals and history in columns, against a model of dictionaries and lists."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import NamedTuple

import hypothesis.strategies as st
import numpy as np
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hongbao.cards.v1.snapshot_pb2 import HoldingsSnapshot
from services.cards.adapters.holdings import holdings_from_contract, write_holdings
from services.cards.domain.events import Deal, Recorded
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.history import Movement, origins_of, read_history
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.holdings.kept import KeptHoldings
from services.cards.domain.vocabulary import CARDS, Card, PersonId, Source
from tests.unit.cards.games import OPENS_MS, SPRING

MIDNIGHT_MS = 1_454_860_800_000
"""2016-02-08 in Beijing: New Year's Day of the monkey."""
PERSONS = [PersonId(number) for number in (1, 2, 3, 2**62)]
PER_DAY = 3

persons = st.sampled_from(PERSONS)
cards = st.sampled_from(CARDS)
others = st.one_of(st.none(), persons)
keys = st.sampled_from(
    ["round-1", "1-2", "2-1", "1-3", "1-99", "99-4611686018427387904", "x-1", "圆", "", "03-1"]
)


class Told(NamedTuple):
    """A movement as a person remembers it."""

    kind: MovementKind
    card: Card | None
    time_ms: int
    seq: int
    source: Source | None = None
    source_key: str | None = None
    draw_index: int | None = None


class ColumnsAndModel(RuleBasedStateMachine):
    """Everything that other rooms do to hands, in any order."""

    @initialize(limit=st.sampled_from([0, PER_DAY]))
    def begin(self, limit: int) -> None:
        self.holdings = Holdings(limit)
        self.limit = limit
        self.now_ms = MIDNIGHT_MS - 2
        self.seq = 0
        self.draws = 0
        self.hands: Counter[tuple[PersonId, Card]] = Counter()
        self.dealt: dict[tuple[Source, str, PersonId], Card] = {}
        self.today: Counter[tuple[PersonId, bool]] = Counter()
        self.history: defaultdict[PersonId, list[Told]] = defaultdict(list)

    @rule(
        source=st.sampled_from([Source.FRIEND, Source.TAP]),
        items=st.lists(st.tuples(persons, keys, cards), max_size=20),
        shared=st.one_of(st.none(), keys),
    )
    def deal(self, source: Source, items: list[tuple[PersonId, str, Card]], shared: str | None) -> None:
        people = np.array([person for person, _, _ in items], np.int64)
        told_keys = [shared] if shared is not None else [key for _, key, _ in items]
        if len(items) == 1 or not told_keys:
            told_keys = [shared or "round-1"]
        candidates = self.holdings.candidates(source, people, told_keys, self.now_ms)
        served: list[tuple[PersonId, str, Card]] = []
        for item, (person, own_key, card) in enumerate(items):
            key = told_keys[0] if len(told_keys) == 1 else own_key
            identity = (source, key, person)
            firsts = [
                index
                for index, (other, other_key, _) in enumerate(items)
                if other == person and (len(told_keys) == 1 or other_key == key)
            ]
            assert candidates.first[item] == firsts[0]
            assert candidates.cards[item] == self.known_before(identity, served)
            is_fresh = candidates.first[item] == item and candidates.cards[item] == 0
            assert candidates.is_fresh[item] == is_fresh
            if is_fresh:
                is_within = not self.limit or self.today[person, self.is_next_day] < self.limit
                assert candidates.is_within_limit[item] == is_within
                if is_within:
                    served.append((person, key, card))
                    self.dealt[identity] = card
                    self.today[person, self.is_next_day] += 1
        self.fold_deal(source, served, one_key=len(told_keys) == 1)

    def known_before(
        self, identity: tuple[Source, str, PersonId], served: list[tuple[PersonId, str, Card]]
    ) -> int:
        """What was dealt before this batch."""
        _, key, person = identity
        if any((other, other_key) == (person, key) for other, other_key, _ in served):
            return 0
        return self.dealt.get(identity, 0)

    def fold_deal(self, source: Source, served: list[tuple[PersonId, str, Card]], *, one_key: bool) -> None:
        if not served:
            return
        self.seq += 1
        source_keys = [served[0][1]] if one_key else [key for _, key, _ in served]
        deal = Deal(
            SPRING,
            source,
            self.draws,
            [person for person, _, _ in served],
            [card for _, _, card in served],
            source_keys,
            self.now_ms,
        )
        self.holdings.deal_happened(deal, Recorded(self.seq, OPENS_MS))
        for index, (person, key, card) in enumerate(served, start=self.draws):
            self.hands[person, card] += 1
            self.history[person].append(
                Told(MovementKind.DEALT, card, self.now_ms, self.seq, source, key, index)
            )
        self.draws += len(served)

    @rule(moved=st.lists(st.tuples(persons, cards, persons), min_size=1, max_size=5), is_batch=st.booleans())
    def receive(self, moved: list[tuple[PersonId, Card, PersonId]], is_batch: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        if is_batch:
            self.holdings.put_many(*_columns(moved), self.cause(MovementKind.RECEIVED), _others(moved))
        for person, card, other in moved:
            if not is_batch:
                self.holdings.put(person, card, self.cause(MovementKind.RECEIVED, other))
            self.came(MovementKind.RECEIVED, person, card)

    @rule(moved=st.lists(st.tuples(persons, cards, persons), min_size=1, max_size=5), is_batch=st.booleans())
    def give(self, moved: list[tuple[PersonId, Card, PersonId]], is_batch: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        wanted = Counter((person, card) for person, card, _ in moved)
        moved = [move for move in moved if wanted[move[:2]] <= self.hands[move[:2]]]
        if is_batch:
            self.holdings.take_many(*_columns(moved), self.cause(MovementKind.OFFERED), _others(moved))
        for person, card, other in moved:
            if not is_batch:
                self.holdings.take(person, card, self.cause(MovementKind.OFFERED, other))
            self.hands[person, card] -= 1
            self.history[person].append(Told(MovementKind.OFFERED, card, self.now_ms, self.seq))

    @rule(who=st.lists(persons, unique=True))
    def complete(self, who: list[PersonId]) -> None:
        people = np.array(who, np.int64)
        have = [all(self.hands[person, card] for card in CARDS) for person in who]
        assert self.holdings.have_sets(people).tolist() == have
        able = people[np.array(have, np.bool_)]
        self.holdings.take_sets(able, self.cause(MovementKind.SPENT))
        for person in map(PersonId, able.tolist()):
            self.hands.subtract((person, card) for card in CARDS)
            self.history[person].append(Told(MovementKind.SPENT, None, self.now_ms, self.seq))

    @rule(person=persons)
    def undo_a_set(self, person: PersonId) -> None:
        self.holdings.put_set(person, self.cause(MovementKind.UNSPENT))
        self.hands.update((person, card) for card in CARDS)
        self.history[person].append(Told(MovementKind.UNSPENT, None, self.now_ms, self.seq))

    @rule(away=persons, into=persons)
    def merge(self, away: PersonId, into: PersonId) -> None:
        copies = self.holdings.take_hand(away, self.cause(MovementKind.MERGED_AWAY, into))
        assert list(copies) == [self.hands[away, card] for card in CARDS]
        self.holdings.put_hand(into, copies, self.cause(MovementKind.MERGED_IN, away))
        for card, count in zip(CARDS, copies, strict=True):
            for _ in range(count):
                self.hands[away, card] -= 1
                self.history[away].append(Told(MovementKind.MERGED_AWAY, card, self.now_ms, self.seq))
        for card, count in zip(CARDS, copies, strict=True):
            for _ in range(count):
                self.came(MovementKind.MERGED_IN, into, card)

    @rule()
    def wait(self) -> None:
        self.now_ms += 1

    @rule()
    def restart(self) -> None:
        frozen = self.holdings.kept()
        kept = _written(frozen)
        self.receive([(PERSONS[0], Card.HARMONY, PERSONS[1])], is_batch=True)
        self.undo_a_set(PERSONS[1])
        assert _written(frozen) == kept, "what is frozen stays as it was"
        message = HoldingsSnapshot.FromString(_written(self.holdings.kept()))
        self.holdings = Holdings.of_kept(holdings_from_contract(message), self.limit)

    @property
    def is_next_day(self) -> bool:
        return self.now_ms >= MIDNIGHT_MS

    def cause(self, kind: MovementKind, other: PersonId | None = None) -> Cause:
        return Cause(kind, self.now_ms, self.seq, other)

    def came(self, kind: MovementKind, person: PersonId, card: Card) -> None:
        self.hands[person, card] += 1
        self.history[person].append(Told(kind, card, self.now_ms, self.seq))

    @invariant()
    def hands_are_as_counted(self) -> None:
        for person in PERSONS:
            held = tuple(self.hands[person, card] for card in CARDS)
            assert self.holdings.hand_of(person) == held
            assert self.holdings.count(person, Card.HARMONY) == held[Card.HARMONY - 1]
        assert list(self.holdings.held) == [
            sum(self.hands[person, card] for person in PERSONS) for card in CARDS
        ]
        assert self.holdings.holder_count == sum(
            any(self.hands[person, card] for card in CARDS) for person in PERSONS
        )

    @invariant()
    def history_is_as_remembered(self) -> None:
        for person in PERSONS:
            movements, position = list[Movement](), 0
            while True:
                page = read_history(self.holdings, person, position, 7)
                assert page is not None
                movements += page.movements
                position = page.next_position
                if not position:
                    break
            assert [_told(movement) for movement in movements] == self.history[person][::-1]

    @invariant()
    def copies_in_a_hand_are_those_that_came_last(self) -> None:
        for person in PERSONS:
            origins = origins_of(self.holdings, person, copies_max=1_000, steps_max=10_000)
            for card in CARDS:
                copies = list[Told]()
                for told in self.history[person]:
                    if told.card in {None, card}:
                        if told.kind in LEAVES:
                            copies.pop(0)
                        else:
                            copies.append(told)
                assert [_told(origin) for origin in origins.get(card, [])] == copies


def _written(kept: KeptHoldings) -> bytes:
    snapshot = HoldingsSnapshot()
    write_holdings(snapshot, kept)
    return snapshot.SerializeToString()


LEAVES = {MovementKind.OFFERED, MovementKind.SPENT, MovementKind.MERGED_AWAY}


def _told(movement: Movement) -> Told:
    earning = movement.earning
    return Told(
        movement.kind,
        movement.card,
        movement.time_ms,
        movement.seq,
        *((earning.source, earning.source_key, earning.draw_index) if earning is not None else ()),
    )


def _columns(
    moved: list[tuple[PersonId, Card, PersonId]],
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    people = np.array([person for person, _, _ in moved], np.int64)
    return people, np.array([card for _, card, _ in moved], np.uint8)


def _others(moved: list[tuple[PersonId, Card, PersonId]]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([other for _, _, other in moved], np.int64)


TestColumnsAndModel = ColumnsAndModel.TestCase
TestColumnsAndModel.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
