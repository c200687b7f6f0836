"""Records and snapshots of persons who turned out to be others, to and from the contract."""

from __future__ import annotations

from hongbao.cards.v1 import events_pb2, snapshot_pb2
from services.cards.domain.people.events import (
    ArrivedHand,
    HandsArrived,
    HandsMoved,
    Merge,
    MovedHand,
    PersonsMerged,
)
from services.cards.domain.sets.sets import CreditedSet
from services.cards.domain.vocabulary import CampaignId, PersonId
from services.mesh.timestamps import milliseconds, timestamp


def merged_to_contract(merged: PersonsMerged) -> events_pb2.PersonsMerged:
    """The record of who is whom."""
    return events_pb2.PersonsMerged(
        provisional_person_ids=[merge.person_id for merge in merged.merges],
        person_ids=[merge.into_person_id for merge in merged.merges],
    )


def merged_from_contract(merged: events_pb2.PersonsMerged) -> PersonsMerged:
    """The inverse of `merged_to_contract`."""
    pairs = zip(merged.provisional_person_ids, merged.person_ids, strict=True)
    return PersonsMerged(tuple(Merge(PersonId(person), PersonId(into)) for person, into in pairs))


def moved_to_contract(moved: HandsMoved) -> events_pb2.HandsMoved:
    """The record of hands that left."""
    return events_pb2.HandsMoved(hands=map(_hand_to_contract, moved.hands))


def moved_from_contract(moved: events_pb2.HandsMoved) -> HandsMoved:
    """The inverse of `moved_to_contract`."""
    return HandsMoved(tuple(map(_hand_from_contract, moved.hands)))


def arrived_to_contract(arrived: HandsArrived) -> events_pb2.HandsArrived:
    """The record of hands that came."""
    return events_pb2.HandsArrived(
        hands=[
            events_pb2.ArrivedHand(
                hand=_hand_to_contract(one.hand), sent_seq=one.sent_seq, is_second_set=one.is_second_set
            )
            for one in arrived.hands
        ]
    )


def arrived_from_contract(arrived: events_pb2.HandsArrived) -> HandsArrived:
    """The inverse of `arrived_to_contract`."""
    return HandsArrived(
        tuple(
            ArrivedHand(_hand_from_contract(one.hand), one.sent_seq, one.is_second_set)
            for one in arrived.hands
        )
    )


def credited_to_contract(credited: dict[int, CreditedSet]) -> list[snapshot_pb2.CreditedSet]:
    """Sets of other accounts, for a snapshot."""
    return [
        snapshot_pb2.CreditedSet(
            person_id=person_id,
            from_person_id=spent.from_person_id,
            completed_at_ms=spent.completed_at_ms,
            luck_class=spent.luck_class,
        )
        for person_id, spent in credited.items()
    ]


def credited_from_contract(kept: snapshot_pb2.CreditedSet) -> tuple[PersonId, CreditedSet]:
    """One of them, and whose it is."""
    spent = CreditedSet(PersonId(kept.from_person_id), kept.completed_at_ms, kept.luck_class)
    return PersonId(kept.person_id), spent


def _hand_to_contract(hand: MovedHand) -> events_pb2.MovedHand:
    moved = events_pb2.MovedHand(
        campaign_id=hand.campaign_id,
        from_person_id=hand.from_person_id,
        to_person_id=hand.to_person_id,
        to_shard=hand.to_shard,
        cards=hand.cards,
        luck_class=hand.luck_class,
    )
    if hand.completed_at_ms:
        moved.completed_at.CopyFrom(timestamp(hand.completed_at_ms))
    return moved


def _hand_from_contract(moved: events_pb2.MovedHand) -> MovedHand:
    return MovedHand(
        campaign_id=CampaignId(moved.campaign_id),
        from_person_id=PersonId(moved.from_person_id),
        to_person_id=PersonId(moved.to_person_id),
        to_shard=moved.to_shard,
        cards=tuple(moved.cards),
        completed_at_ms=milliseconds(moved.completed_at) if moved.HasField("completed_at") else 0,
        luck_class=moved.luck_class,
    )
