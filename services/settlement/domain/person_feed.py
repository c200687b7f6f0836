"""The feed of people: what identity has found out about persons of this shard."""

from __future__ import annotations

from hongbao.identity.v1 import events_pb2 as identity
from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import person_events_pb2 as persons_pb
from services.settlement.domain.feeds import FeedPlace
from services.settlement.domain.tiers import PersonTier

_TIERS = frozenset(int(tier) for tier in PersonTier)


def persons_effect(place: FeedPlace, event: identity.IdentityEvent) -> pb.SettlementEvent | None:
    """What a record about people puts on record here; None for one that is about people of other shards.

    It moves no money: what waits for the person is seen to afterwards, since it may also come later. Raises
    `Contradiction`.
    """
    match event.WhichOneof("event"):
        case "person_verified":
            verified = event.person_verified
            person = _known(place, verified.person_id, verified.tier)
        case "tier_changed":
            person = _known(place, event.tier_changed.person_id, event.tier_changed.tier)
        case "persons_merged":
            person = _merged(place, event.persons_merged)
        case "card_bound":
            person = _card_bound(place, event.card_bound)
        case "card_unbound":
            unbound = event.card_unbound
            place.expect_persons([unbound.person_id])
            person = persons_pb.PersonEvent(
                card_unbound=persons_pb.PersonCardUnbound(
                    person_id=unbound.person_id, card_id=unbound.card_id
                )
            )
        case _:
            return None
    answer = place.event()
    answer.person.CopyFrom(person)
    return place.checked(answer)


def _known(place: FeedPlace, person_id: int, tier: int) -> persons_pb.PersonEvent:
    place.expect_persons([person_id])
    place.expect(tier in _TIERS, f"there is no tier {tier}")
    place.expect(person_id not in place.state.people.merges, "the person is somebody else")
    value = persons_pb.PersonTier.ValueType(tier)
    return persons_pb.PersonEvent(known=persons_pb.PersonKnown(person_id=person_id, tier=value))


def _merged(place: FeedPlace, merged: identity.PersonsMerged) -> persons_pb.PersonEvent:
    provisional, person_id = merged.provisional_person_id, merged.person_id
    place.expect_persons([provisional])
    people = place.state.people
    place.expect(0 < person_id != provisional, "a person turns out to be themself, or nobody")
    place.expect(provisional not in people.verified, "a verified person turns out to be another one")
    place.expect(person_id not in people.merges, "a person turns out to be one who is somebody else")
    before = people.merges.get(provisional)
    place.expect(before is None, "a person turns out to be somebody a second time")
    return persons_pb.PersonEvent(
        merged=persons_pb.PersonMerged(provisional_person_id=provisional, person_id=person_id)
    )


def _card_bound(place: FeedPlace, bound: identity.CardBound) -> persons_pb.PersonEvent:
    place.expect_persons([bound.person_id])
    return persons_pb.PersonEvent(
        card_bound=persons_pb.PersonCardBound(
            person_id=bound.person_id,
            card_id=bound.card_id,
            card_masked=bound.number_masked,
            bank_name=bound.bank_name,
        )
    )
