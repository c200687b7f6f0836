from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.gala.acts.money import WITHDRAWAL_FEN_MIN, wish_fen
from services.cli.gala.evening import PACKET_MAX_FEN_2016, RARE_CARD, Evening
from services.cli.gala.people import (
    GUESTS_OF_A_HOST,
    give_entrances,
    give_parts,
    invent_friendships,
    invent_people,
)
from services.cli.local_mesh.layout import BANK_REFUSED_ENDING_FEN
from services.identity.domain import resident_id
from services.identity.domain.simulated_people import registered_name


def evening(people: int) -> Evening:
    return Evening(
        campaign_id="gala-test",
        people=people,
        seed=7,
        rounds=4,
        round_seconds=5,
        friends_per_person=2,
        rare_cards_per_100_people=5,
        card_seconds=10,
    )


@given(st.integers(2, 300_000_000))
def test_an_evening_of_any_size_can_be_paid_out_in_allowed_packets(people: int) -> None:
    plan = evening(people)
    assert plan.packets_per_round >= 1
    assert plan.packets_per_round <= plan.budget_per_round_fen <= plan.packets_per_round * PACKET_MAX_FEN_2016
    assert plan.budget_fen == 4 * plan.budget_per_round_fen
    assert plan.pool_fen > 0
    assert all(limit > 0 for limit in plan.card_limits.values())
    assert sum(plan.card_limits.values()) >= plan.deals_expected
    assert all(quota >= plan.deals_by_source[source] for source, quota in plan.card_quotas.items())


@given(st.integers(2, 2_000))
def test_second_accounts_are_of_people_who_verify_in_time(people: int) -> None:
    plan = evening(people)
    players = invent_people(people, "parts")
    give_parts(players, plan.late_guests, plan.second_accounts)
    seconds = [player for player in players if player.first is not None]
    assert len(seconds) == plan.second_accounts
    assert sum(player.verifies_late for player in players) == plan.late_guests + plan.second_accounts
    assert len({id(player.first) for player in seconds}) == len(seconds)
    for player in seconds:
        first = player.first
        assert first is not None
        assert not first.verifies_late
        assert (player.name, player.resident_id) == (first.name, first.resident_id)
        assert player.phone != first.phone
    assert all(player.is_verified is False for player in players)


@given(st.integers(2, 2_000))
def test_whoever_invites_is_verified_when_the_guests_come(people: int) -> None:
    plan = evening(people)
    players = invent_people(people, "entrances")
    give_parts(players, plan.late_guests, plan.second_accounts)
    give_entrances(players, plan.applicants, plan.invited)
    guests = [player for player in players if player.inviting is not None]
    applicants = [player for player in players if player.applies]
    assert (len(guests), len(applicants)) == (plan.invited, plan.applicants)
    # Nobody has two parts, and nobody with two accounts has one of these.
    assert not [player for player in [*guests, *applicants] if player.verifies_late or player.first]
    assert not [player for player in guests if player.applies]
    hosts = [player.inviting for player in guests if player.inviting is not None]
    assert not [host for host in hosts if host.comes_unknown]
    assert all(hosts.count(host) <= GUESTS_OF_A_HOST for host in hosts)
    assert plan.card_quotas.get("INVITATION", 0) >= 2 * plan.invited


@pytest.mark.parametrize("people", [0, 1, 19])
def test_a_few_people_have_no_parts(people: int) -> None:
    plan = evening(people)
    assert (plan.late_guests, plan.second_accounts, plan.applicants, plan.invited) == (0, 0, 0, 0)


@given(st.integers(0, 100_000))
def test_what_people_take_out_is_in_the_wallet_and_the_bank_refuses_what_it_should(
    available_fen: int,
) -> None:
    for refused in (False, True):
        wish = wish_fen(available_fen, refused=refused)
        assert wish == 0 or WITHDRAWAL_FEN_MIN <= wish <= available_fen
        assert not wish or (wish % 100 == BANK_REFUSED_ENDING_FEN) is refused
    if available_fen >= 2 * WITHDRAWAL_FEN_MIN:
        assert wish_fen(available_fen, refused=False) > 0 < wish_fen(available_fen, refused=True)


def test_a_tiny_evening_has_a_packet_for_every_shard() -> None:
    plan = dataclasses.replace(evening(2), allocation_shards=8)
    assert plan.packets_per_round == 8


def test_an_evening_of_200_million_people_has_the_proportions_of_2016() -> None:
    plan = evening(200_000_000)
    assert plan.packets_per_round == 60_000_000
    assert 166 <= plan.budget_per_round_fen / plan.packets_per_round <= 167
    assert plan.pool_fen == 21_500_000_000


def test_every_friendship_finds_cards_in_the_supply() -> None:
    plan = evening(5000)
    deals = 5000 * 2 * 2
    assert plan.card_quotas["FRIEND"] >= deals
    assert sum(plan.card_limits.values()) >= plan.deals_expected
    assert plan.card_limits[RARE_CARD] == 250


def test_invented_people_are_distinct_and_known_to_the_registry() -> None:
    players = invent_people(500, "7:gala")
    assert len({player.resident_id for player in players}) == 500
    for player in players:
        assert resident_id.check_character(player.resident_id[:17]) == player.resident_id[17]
        assert player.name == registered_name(player.resident_id)


def test_the_same_seed_invents_the_same_people() -> None:
    first, again, other = invent_people(20, "a"), invent_people(20, "a"), invent_people(20, "b")
    assert [player.resident_id for player in first] == [player.resident_id for player in again]
    assert [player.resident_id for player in first] != [player.resident_id for player in other]


@pytest.mark.parametrize("people", [2, 3, 10, 400])
def test_nobody_befriends_themselves_or_the_same_person_twice(people: int) -> None:
    pairs = invent_friendships(people, 3, "7:friends")
    assert pairs
    assert all(asking != asked for asking, asked in pairs)
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
