from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from hongbao.gateway.v1 import envelope_pb2 as gateway
from services.allocation.domain.lucky import LUCKY_RULE, lucky_split
from services.allocation.domain.values import Seed
from services.cli.gala.acts.sharing import Fission, Scene, Treat, holds, plan_sharing
from services.cli.gala.people import Player, invent_friendships, invent_people

PEOPLE = 400


def crowd() -> tuple[list[Player], dict[int, list[Player]]]:
    players = invent_people(PEOPLE, "sharing")
    friends: dict[int, list[Player]] = {}
    for one, other in invent_friendships(PEOPLE, 2, "sharing"):
        friends.setdefault(one, []).append(players[other])
        friends.setdefault(other, []).append(players[one])
    for player in players[::3]:
        player.packets_fen["round-1"] = 1 + player.number
    return players, friends


def sender_of(scene: Scene) -> Player:
    return scene.sender if isinstance(scene, Fission | Treat) else scene.giver


def test_every_kind_of_sharing_happens_and_nobody_pays_twice() -> None:
    players, friends = crowd()
    scenes = plan_sharing(players, friends, "7")
    assert Counter(type(scene).__name__ for scene in scenes) == {"Fission": 16, "Treat": 4, "Wish": 8}
    senders = [sender_of(scene).number for scene in scenes]
    assert len(senders) == len(set(senders))
    assert all(players[number].packets_fen for number in senders)


def test_packets_go_to_friends_and_back_to_nobody() -> None:
    players, friends = crowd()
    for scene in plan_sharing(players, friends, "7"):
        if isinstance(scene, Fission):
            assert {player.number for player in scene.claimers} <= {
                player.number for player in friends[scene.sender.number]
            }
            assert scene.claimers[0] not in scene.next_claimers
            assert {player.number for player in scene.next_claimers} <= {
                player.number for player in friends[scene.claimers[0].number]
            }
        elif isinstance(scene, Treat):
            claimers = {player.number for player in scene.claimers}
            assert claimers <= {scene.sender.number, *(player.number for player in scene.members)}


def test_nothing_is_sent_by_people_who_are_not_verified() -> None:
    players, friends = crowd()
    for player in players[::2]:
        player.verifies_late = True
    scenes = plan_sharing(players, friends, "7")
    assert scenes
    for scene in scenes:
        assert not sender_of(scene).verifies_late
        if isinstance(scene, Fission) and scene.next_claimers:
            assert not scene.claimers[0].verifies_late


def test_the_same_seed_plans_the_same() -> None:
    players, friends = crowd()
    plans = [
        [sender_of(scene).number for scene in plan_sharing(players, friends, seed)]
        for seed in ("7", "7", "8")
    ]
    assert plans[0] == plans[1] != plans[2]


def test_nobody_shares_an_evening_without_winners() -> None:
    assert plan_sharing(invent_people(10, "poor"), {}, "7") == []


def ended_envelope() -> gateway.GetEnvelopeResponse:
    seed = bytes(range(32))
    amounts = lucky_split(Seed(seed), 42, 1_000, 4, 1)
    envelope = gateway.Envelope(
        envelope_id=42,
        amount_fen=1_000,
        share_count=4,
        share_min_fen=1,
        seed=seed,
        seed_commitment=hashlib.sha256(seed).digest(),
        split_rule=LUCKY_RULE,
    )
    shares = [gateway.Share(share_index=index, amount_fen=amount) for index, amount in enumerate(amounts)]
    return gateway.GetEnvelopeResponse(envelope=envelope, shares=shares)


def test_a_lucky_packet_can_be_recomputed_by_who_sees_it() -> None:
    found = ended_envelope()
    assert holds(found)
    # Some of the shares may have been left when its time was over.
    del found.shares[3:]
    assert holds(found)


@pytest.mark.parametrize("field", ["envelope_id", "amount_fen", "split_rule"])
def test_a_lucky_packet_with_another_number_does_not_hold(field: str) -> None:
    found = ended_envelope()
    setattr(found.envelope, field, getattr(found.envelope, field) + 1)
    assert not holds(found)


def test_a_lucky_packet_that_gave_two_people_each_others_share_does_not_hold() -> None:
    found = ended_envelope()
    first, second = found.shares[0].amount_fen, found.shares[1].amount_fen
    assert first != second
    found.shares[0].amount_fen, found.shares[1].amount_fen = second, first
    assert not holds(found)


def test_a_lucky_packet_with_another_seed_than_committed_does_not_hold() -> None:
    found = ended_envelope()
    found.envelope.seed_commitment = bytes(32)
    assert not holds(found)
