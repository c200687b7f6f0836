"""What a shard knows of people, and how much may leave their wallets."""

from __future__ import annotations

import datetime as dt

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from hongbao.settlement.v1 import person_events_pb2 as persons_pb
from services.mesh.timestamps import timestamp
from services.settlement.domain.errors import PersonUnverified, TierLimitExceeded
from services.settlement.domain.leaving import check_may_leave
from services.settlement.domain.people import BoundCard, People
from services.settlement.domain.state import SettlementState
from services.settlement.domain.tiers import LIFETIME, year_in_beijing

NEW_YEARS_EVE_MS = int(dt.datetime(2016, 12, 31, 15, 59, 59, tzinfo=dt.UTC).timestamp() * 1000)
NEW_YEAR_MS = NEW_YEARS_EVE_MS + 1000
PERSON = 4


def state_with(*events: persons_pb.PersonEvent) -> SettlementState:
    state = SettlementState(0, 1, everybody=False)
    for seq, event in enumerate(events, start=1):
        state.apply(seq, 0, pb.SettlementEvent(person=event))
    return state


def known(person_id: int, tier: int) -> persons_pb.PersonEvent:
    tier_value = persons_pb.PersonTier.ValueType(tier)
    return persons_pb.PersonEvent(known=persons_pb.PersonKnown(person_id=person_id, tier=tier_value))


def card_bound(card_id: int) -> persons_pb.PersonEvent:
    return persons_pb.PersonEvent(
        card_bound=persons_pb.PersonCardBound(
            person_id=PERSON, card_id=card_id, card_masked=f"****{card_id}", bank_name="工商银行"
        )
    )


def rebuilt(state: SettlementState) -> SettlementState:
    other = SettlementState(0, 1, everybody=False)
    other.restore(state.snapshot())
    return other


def test_nothing_leaves_the_wallet_of_a_person_whom_nobody_knows() -> None:
    state = state_with(known(PERSON, 1))

    with pytest.raises(PersonUnverified) as refused:
        check_may_leave(state, PERSON + 1, 1, NEW_YEAR_MS)

    assert refused.value.metadata == {"person_id": "5"}


def test_where_people_are_checked_elsewhere_everything_may_leave() -> None:
    check_may_leave(SettlementState(0, 1), PERSON, 10**12, NEW_YEAR_MS)


@pytest.mark.parametrize(
    ("tier", "limit_fen", "period"),
    [(1, 100_000, LIFETIME), (2, 10_000_000, "2016"), (3, 20_000_000, "2016")],
)
def test_as_much_as_the_tier_allows_may_leave_and_not_a_fen_more(
    tier: int, limit_fen: int, period: str
) -> None:
    state = state_with(known(PERSON, tier))
    state.people.note_left(PERSON, limit_fen - 1, NEW_YEARS_EVE_MS)

    check_may_leave(state, PERSON, 1, NEW_YEARS_EVE_MS)
    with pytest.raises(TierLimitExceeded) as refused:
        check_may_leave(state, PERSON, 2, NEW_YEARS_EVE_MS)

    assert refused.value.metadata == {
        "person_id": "4",
        "tier": str(tier),
        "period": period,
        "limit_fen": str(limit_fen),
        "used_fen": str(limit_fen - 1),
        "needed_fen": "2",
    }


@pytest.mark.parametrize(("tier", "left_fen"), [(1, 0), (2, 10_000_000), (3, 20_000_000)])
def test_yearly_limits_begin_anew_at_midnight_in_beijing_and_the_one_for_life_does_not(
    tier: int, left_fen: int
) -> None:
    state = state_with(known(PERSON, tier))
    for allowed in (state.people.allowance(PERSON, NEW_YEARS_EVE_MS),):
        assert allowed is not None
        state.people.note_left(PERSON, allowed.limit_fen, NEW_YEARS_EVE_MS)

    in_the_new_year = state.people.allowance(PERSON, NEW_YEAR_MS)

    assert in_the_new_year is not None
    assert in_the_new_year.left_fen == left_fen


def test_what_comes_back_counts_for_the_year_in_which_it_left() -> None:
    state = state_with(known(PERSON, 2))
    people = state.people
    people.note_left(PERSON, 500, NEW_YEARS_EVE_MS)
    people.note_left(PERSON, 300, NEW_YEAR_MS)

    people.note_came_back(PERSON, 500, NEW_YEARS_EVE_MS)
    people.note_came_back(PERSON, 100, NEW_YEAR_MS)

    allowed = people.allowance(PERSON, NEW_YEAR_MS)
    assert allowed is not None
    assert allowed.used_fen == 200


def test_what_counts_in_the_new_year_already_gives_no_room_in_the_old_one() -> None:
    state = state_with(known(PERSON, 2))
    people = state.people
    people.note_left(PERSON, 10_000_000, NEW_YEARS_EVE_MS)
    people.note_left(PERSON, 300, NEW_YEAR_MS)

    with pytest.raises(TierLimitExceeded):
        check_may_leave(rebuilt(state), PERSON, 1, NEW_YEARS_EVE_MS)

    people.note_came_back(PERSON, 500, NEW_YEARS_EVE_MS)
    people.note_left(PERSON, 200, NEW_YEARS_EVE_MS)
    used_fen = {
        at_ms: allowed.used_fen
        for at_ms in (NEW_YEARS_EVE_MS, NEW_YEAR_MS)
        if (allowed := people.allowance(PERSON, at_ms)) is not None
    }
    assert used_fen == {NEW_YEARS_EVE_MS: 9_999_700, NEW_YEAR_MS: 300}


def test_a_lower_tier_bounds_more_than_the_higher_one_before() -> None:
    state = state_with(known(PERSON, 3), known(PERSON, 1))

    assert state.people.tier(PERSON) == rebuilt(state).people.tier(PERSON) == 1
    with pytest.raises(TierLimitExceeded):
        check_may_leave(state, PERSON, 100_001, NEW_YEAR_MS)


def test_a_higher_tier_counts_what_left_under_the_lower_one() -> None:
    state = state_with(known(PERSON, 1))
    state.people.note_left(PERSON, 100_000, NEW_YEAR_MS)

    state.apply(2, 0, pb.SettlementEvent(person=known(PERSON, 2)))

    allowed = state.people.allowance(PERSON, NEW_YEAR_MS)
    assert allowed is not None
    assert (allowed.used_fen, allowed.left_fen) == (100_000, 9_900_000)


def test_an_envelope_leaves_the_wallet_and_what_nobody_claimed_comes_back() -> None:
    state = state_with(known(PERSON, 1))
    held = pb.SettlementEvent()
    held.wallet_hold_created.envelope_id = 9
    held.wallet_hold_created.person_id = PERSON
    held.wallet_hold_created.amount_fen = 700
    held.wallet_hold_created.hold_ends_at.CopyFrom(timestamp(NEW_YEAR_MS))
    ended = pb.SettlementEvent()
    ended.wallet_hold_ended.envelope_id = 9
    ended.wallet_hold_ended.person_id = PERSON
    ended.wallet_hold_ended.returned_fen = 200
    ended.wallet_hold_ended.hold_ends_at.CopyFrom(timestamp(NEW_YEAR_MS))

    state.apply(2, NEW_YEAR_MS, held)
    state.apply(3, NEW_YEAR_MS, ended)

    allowed = state.people.allowance(PERSON, NEW_YEAR_MS)
    assert allowed is not None
    assert allowed.used_fen == 500


def test_a_card_is_the_persons_until_it_is_given_up() -> None:
    unbound = persons_pb.PersonEvent(card_unbound=persons_pb.PersonCardUnbound(person_id=PERSON, card_id=1))
    state = state_with(known(PERSON, 1), card_bound(1), card_bound(2), unbound)

    people = state.people
    assert people.card(PERSON, 1) is None
    assert people.card(PERSON, 2) == BoundCard(2, "****2", "工商银行")
    assert people.card(PERSON + 1, 2) is None
    assert [card.card_id for card in people.cards(PERSON)] == [2]


def test_a_snapshot_brings_everything_back() -> None:
    merged = persons_pb.PersonMerged(provisional_person_id=8, person_id=PERSON)
    state = state_with(known(PERSON, 1), known(6, 3), card_bound(1), persons_pb.PersonEvent(merged=merged))
    state.people.note_left(PERSON, 40, NEW_YEAR_MS)

    again = rebuilt(state)

    assert again.snapshot() == state.snapshot()
    assert again.people.tier(6) == 3
    assert again.people.tier(PERSON) == 1
    assert again.people.merges[8].person_id == PERSON
    assert again.people.card(PERSON, 1) is not None
    assert again.people.allowance(PERSON, NEW_YEAR_MS) == state.people.allowance(PERSON, NEW_YEAR_MS)


def test_a_column_of_persons_is_known_when_each_of_them_is() -> None:
    people = People(everybody=False)
    people.verified.update({1, 2, 3})

    assert people.knows_all([1, 3])
    assert not people.knows_all([1, 4])
    assert People().knows_all([1, 4])


def test_the_year_changes_at_midnight_in_beijing() -> None:
    assert (year_in_beijing(NEW_YEARS_EVE_MS), year_in_beijing(NEW_YEAR_MS)) == (2016, 2017)
