from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.cli.gala.acts.exchanges import Way, plan_gifts, plan_trades
from services.cli.gala.people import Player

RARE = 5
ALL = (1, 2, 3, 4, RARE)


def player(number: int) -> Player:
    return Player(number=number, name="", resident_id="", phone="")


def test_a_friend_gives_what_completes_the_set_of_one_with_the_rare_card() -> None:
    hopeful, friend = player(0), player(1)
    hands = {0: Counter({1: 1, 2: 1, 3: 1, RARE: 1}), 1: Counter({4: 1})}
    (gift,) = plan_gifts([hopeful, friend], {0: [friend], 1: [hopeful]}, hands, "7")
    assert (gift.giver, gift.receiver, gift.card) == (friend, hopeful, 4)


def test_nobody_gives_to_one_without_the_rare_card() -> None:
    hands = {0: Counter({1: 1, 2: 1}), 1: Counter({4: 3})}
    friends = {0: [player(1)], 1: [player(0)]}
    assert plan_gifts([player(0), player(1)], friends, hands, "7") == []


def test_a_hopeful_friend_keeps_their_last_card_of_a_kind() -> None:
    players = [player(0), player(1)]
    hands = {0: Counter({1: 1, 2: 1, 3: 1, RARE: 1}), 1: Counter({4: 1, RARE: 1})}
    gifts = plan_gifts(players, {0: [players[1]], 1: [players[0]]}, hands, "7")
    assert all(gift.card != 4 for gift in gifts)


@given(
    st.lists(st.dictionaries(st.sampled_from(ALL), st.integers(0, 3)), min_size=2, max_size=8),
    st.integers(0, 99),
)
def test_nobody_gives_what_they_do_not_hold(hands_held: list[dict[int, int]], seed: int) -> None:
    players = [player(number) for number in range(len(hands_held))]
    hands = {number: Counter(held) for number, held in enumerate(hands_held)}
    everyone_else = {one.number: [other for other in players if other is not one] for one in players}
    given_away: dict[int, Counter[int]] = {number: Counter() for number in hands}
    for gift in plan_gifts(players, everyone_else, hands, str(seed)):
        assert gift.giver is not gift.receiver
        given_away[gift.giver.number][gift.card] += 1
    for number, gone in given_away.items():
        assert all(count <= hands[number][card] for card, count in gone.items())


HANDS = st.lists(st.dictionaries(st.sampled_from(ALL), st.integers(0, 3)), min_size=2, max_size=12)


@given(HANDS, st.integers(0, 99))
def test_whatever_comes_to_nothing_disturbs_nobody_who_may_complete(
    hands_held: list[dict[int, int]], seed: int
) -> None:
    players = [player(number) for number in range(len(hands_held))]
    hands = {number: Counter(held) for number, held in enumerate(hands_held)}
    everyone_else = {one.number: [other for other in players if other is not one] for one in players}
    trades = plan_trades(players, everyone_else, hands, str(seed))
    helpful = [trade for trade in trades if trade.way in (Way.ACCEPTED, Way.ANSWERED)]
    in_vain = [trade for trade in trades if trade not in helpful]
    assert len(helpful) == len(plan_gifts(players, everyone_else, hands, str(seed)))
    busy = [one.number for trade in in_vain for one in (trade.giver, trade.receiver)]
    assert len(busy) == len(set(busy))
    assert not set(busy) & {one.number for trade in helpful for one in (trade.giver, trade.receiver)}
    for trade in in_vain:
        assert hands[trade.giver.number][trade.card] > 0
        assert not hands[trade.giver.number][RARE]


def test_a_second_account_neither_gives_nor_gets() -> None:
    first, second, other = player(0), player(1), player(2)
    second.first = first
    hands = {0: Counter({1: 1, 2: 1, 3: 1, RARE: 1}), 2: Counter({4: 1})}
    friends = {0: [second, other], 1: [first, other], 2: [second, first]}
    for trade in plan_trades([first, second, other], friends, hands, "7"):
        assert second not in (trade.giver, trade.receiver)


def test_a_larger_crowd_tries_everything() -> None:
    players = [player(number) for number in range(60)]
    hands = {one.number: Counter({1: 1, 2: 1, 3: 1}) for one in players}
    hands[0] = Counter({2: 1, 3: 1, 4: 1, RARE: 1})
    friends = {one.number: [other for other in players if other is not one] for one in players}
    ways = {trade.way for trade in plan_trades(players, friends, hands, "7")}
    assert ways >= set(Way) - {Way.ACCEPTED, Way.ANSWERED}
