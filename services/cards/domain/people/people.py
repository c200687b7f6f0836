"""Persons of a game on one shard who turned out to be others."""

from __future__ import annotations

from collections.abc import Mapping

from services.cards.domain.events import Recorded
from services.cards.domain.exchanges.transit import Transit
from services.cards.domain.holdings.causes import Cause, MovementKind
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.people.events import ArrivedHand, MovedHand
from services.cards.domain.sets.sets import CreditedSet, Sets
from services.cards.domain.vocabulary import PersonId


class People:
    """Only the `hand_*` methods change it."""

    __slots__ = ("merged", "told")

    def __init__(self) -> None:
        self.merged: Mapping[PersonId, PersonId] = {}
        """Who is whom, on the whole shard: the shard's own table, which all its games look at."""
        self.told = set[int]()
        """Merged persons whose sets the shards of the persons that they are know of."""

    def hand_moved(
        self,
        holdings: Holdings,
        transit: Transit,
        sets: Sets,
        moved: MovedHand,
        recorded: Recorded,
        *,
        shard: int,
    ) -> None:
        """Takes a merged person's cards, and gives them to the person they are if that one is here."""
        assert self.merged.get(moved.from_person_id) == moved.to_person_id, (
            "only who was merged passes cards on"
        )
        away = Cause(MovementKind.MERGED_AWAY, recorded.time_ms, recorded.seq, moved.to_person_id)
        taken = holdings.take_hand(moved.from_person_id, away)
        assert tuple(taken) == moved.cards, "all of a hand goes"
        if moved.completed_at_ms:
            assert moved.from_person_id not in self.told, "a set is told of once"
            self.told.add(moved.from_person_id)
        if moved.to_shard == shard:
            _put(holdings, sets, moved, recorded, is_credited=bool(moved.completed_at_ms))
        else:
            for index, copies in enumerate(moved.cards):
                transit.sent[index] += copies

    def hand_arrived(
        self, holdings: Holdings, transit: Transit, sets: Sets, arrived: ArrivedHand, recorded: Recorded
    ) -> None:
        """Puts a merged person's cards into the hand of the person they are, also after the seal."""
        hand = arrived.hand
        for index, copies in enumerate(hand.cards):
            transit.received[index] += copies
        _put(
            holdings,
            sets,
            hand,
            recorded,
            is_credited=bool(hand.completed_at_ms) and not arrived.is_second_set,
        )


def _put(holdings: Holdings, sets: Sets, hand: MovedHand, recorded: Recorded, *, is_credited: bool) -> None:
    came = Cause(MovementKind.MERGED_IN, recorded.time_ms, recorded.seq, hand.from_person_id)
    holdings.put_hand(hand.to_person_id, hand.cards, came)
    if is_credited:
        sets.credit_happened(
            hand.to_person_id, CreditedSet(hand.from_person_id, hand.completed_at_ms, hand.luck_class)
        )
