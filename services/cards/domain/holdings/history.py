"""What a person's movements tell: how every card came and went, and where those in the hand came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from services.cards.domain.holdings.causes import MovementKind
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.holdings.keys import friend_key
from services.cards.domain.holdings.movements import WHOLE_SET
from services.cards.domain.vocabulary import CARDS, Card, PersonId, Source

_ARRIVALS = frozenset(
    {
        MovementKind.DEALT,
        MovementKind.RETURNED,
        MovementKind.RECEIVED,
        MovementKind.GRANTED,
        MovementKind.UNSPENT,
        MovementKind.MERGED_IN,
    }
)


@dataclass(frozen=True, slots=True)
class Earning:
    """What a dealt card was earned with."""

    source: Source
    source_key: str
    draw_index: int
    """Of the shard's draws, from 0."""


@dataclass(frozen=True, slots=True)
class Movement:
    """A card that came into a hand or left it."""

    kind: MovementKind
    card: Card | None
    """None for one of each."""
    time_ms: int
    seq: int
    """The journal record."""
    other_person_id: PersonId | None
    """Who else has to do with it; the friend, for a card that was dealt for a friendship."""
    earning: Earning | None
    """Of a card that was dealt."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Part of a person's history, newest first."""

    movements: Sequence[Movement]
    next_position: int
    """Where the next page begins; 0 after the last."""


def read_history(holdings: Holdings, person_id: PersonId, position: int, size: int) -> HistoryPage | None:
    """A page from a position on, 0 for the newest movement. None if that is not in the person's history.

    A position is 1 more than the number of a movement: it means the same however much is added later.
    """
    row, movements = holdings.hands.row(person_id), holdings.movements
    if position == 0:
        newest = movements.newest(row)
    elif position <= len(movements) and movements.row(position - 1) == row:
        newest = position - 1
    else:
        return None
    numbers = list(islice(movements.older(newest), size + 1))
    return HistoryPage(
        [_movement(holdings, person_id, number) for number in numbers[:size]],
        numbers[size] + 1 if len(numbers) > size else 0,
    )


def origins_of(
    holdings: Holdings, person_id: PersonId, *, copies_max: int, steps_max: int
) -> Mapping[Card, Sequence[Movement]]:
    """How the copies in a hand came, for each card, the one that leaves first at the beginning.

    Of several copies of a card the oldest leaves first, so the hand holds those that came last. Only the
    newest `copies_max` of a card are told, and none that came more than `steps_max` movements ago.
    """
    row = holdings.hands.row(person_id)
    wanted = {
        card: min(count, copies_max)
        for card, count in zip(CARDS, holdings.hands.copies_of(row), strict=True)
        if count
    }
    numbers: dict[Card, list[int]] = {card: [] for card in wanted}
    movements = holdings.movements
    missing = sum(wanted.values())
    for number in islice(movements.older(movements.newest(row)), steps_max):
        if not missing:
            break
        if movements.kind(number) in _ARRIVALS:
            moved = movements.card(number)
            for card in CARDS if moved == WHOLE_SET else (Card(moved),):
                if len(numbers.get(card, ())) < wanted.get(card, 0):
                    numbers[card].append(number)
                    missing -= 1
    return {
        card: [_movement(holdings, person_id, number) for number in reversed(found)]
        for card, found in numbers.items()
    }


def _movement(holdings: Holdings, person_id: PersonId, number: int) -> Movement:
    movements = holdings.movements
    kind, card, other = movements.kind(number), movements.card(number), movements.other_person(number)
    _, time_ms, seq = movements.moments.at(number)
    return Movement(
        kind,
        None if card == WHOLE_SET else Card(card),
        time_ms,
        seq,
        PersonId(other) if other else None,
        _earning(holdings, person_id, number) if kind is MovementKind.DEALT else None,
    )


def _earning(holdings: Holdings, person_id: PersonId, number: int) -> Earning:
    first, first_draw_index = holdings.draws.at(number)
    draw_index = first_draw_index + number - first
    friend = holdings.movements.other_person(number)
    if friend:
        return Earning(Source.FRIEND, friend_key(person_id, friend), draw_index)
    key, keys = holdings.movements.key(number), holdings.deals.keys
    return Earning(keys.source(key), keys.text(key), draw_index)
