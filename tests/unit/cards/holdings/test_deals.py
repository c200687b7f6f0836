"""Deals of people with few cards and with many, who are looked up in different ways."""

from __future__ import annotations

import random

import numpy as np

from hongbao.cards.v1.snapshot_pb2 import HoldingsSnapshot
from services.cards.adapters.holdings import holdings_from_contract, write_holdings
from services.cards.domain.events import Deal
from services.cards.domain.holdings.deals import SHORT_MAX
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.vocabulary import CARDS, Source
from tests.unit.cards.games import OPENS_MS, SPRING

PEOPLE = list(range(1, 301))
KEYS = [f"round-{number}" for number in range(3 * SHORT_MAX)]


def restored(holdings: Holdings) -> Holdings:
    snapshot = HoldingsSnapshot()
    write_holdings(snapshot, holdings.kept())
    return Holdings.of_kept(holdings_from_contract(snapshot), 0)


def test_what_was_dealt_is_known_however_many_cards_a_person_has() -> None:
    chance = random.Random(5)  # noqa: S311 - a test that is the same every time
    holdings, dealt, draws = Holdings(), dict[tuple[int, str], int](), 0
    # Some get a card of every round, most of few.
    luck = {person: chance.random() ** 3 for person in PEOPLE}
    for step in range(4 * len(KEYS)):
        key = chance.choice(KEYS)
        people = [person for person in PEOPLE if chance.random() < luck[person]]
        known = holdings.candidates(Source.TAP, np.array(people, np.int64), [key], OPENS_MS)
        assert known.cards.tolist() == [dealt.get((person, key), 0) for person in people]
        new = [person for person in people if (person, key) not in dealt]
        cards = [chance.choice(CARDS) for _ in new]
        if new:
            holdings.deal_happened(Deal(SPRING, Source.TAP, draws, new, cards, [key], OPENS_MS))
        dealt.update({(person, key): card for person, card in zip(new, cards, strict=True)})
        draws += len(new)
        if step % 50 == 0:
            holdings = restored(holdings)
    counts = [sum(person == other for other, _ in dealt) for person in PEOPLE]
    assert min(counts) < SHORT_MAX < max(counts), "there are both kinds of people"
