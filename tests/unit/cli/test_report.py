from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from services.cli.gala.card_report import CardFigures, KindFigures
from services.cli.gala.people_report import (
    ChatFigures,
    CircleFigures,
    CreditFigures,
    InvitationFigures,
    LeavingFigures,
    PeopleFigures,
    SessionFigures,
    VerificationFigures,
)
from services.cli.gala.progress import yuan
from services.cli.gala.report import GalaReport, MoneyFigures, SharingFigures
from services.cli.gala.trace import Hop, SampledTrace
from services.cli.local_mesh.record import RunningProcess

SHARING = SharingFigures(
    sent_on=2,
    group_packets=1,
    asks_answered=1,
    asks_declined=1,
    sent_fen=50,
    held_fen=50,
    shares=4,
    shares_fen=40,
    paid_fen=40,
    left_fen=10,
    splits_verified=2,
    splits_hold=True,
)
MONEY = MoneyFigures(
    late_guests=3,
    late_told_fen=60,
    second_accounts=1,
    waited_fen=60,
    arrived_fen=45,
    expired_fen=5,
    twice_told_fen=10,
    twice_fen=10,
    withdrawals=2,
    withdrawals_fen=100,
    withdrawn_fen=100,
    refused=1,
    refused_fen=44,
    unexplained=0,
    decided_fen=20,
    compensated_fen=20,
    statements=2,
    entries=5,
    entries_fen=70,
    closing_fen=70,
)
RARE = KindFigures("DEDICATION", issue_limit=5, issued=4, held=1, spent=3, shown=1, unseen=0)
CARDS = CardFigures(
    kinds=(RARE,),
    dealt_for_taps=1,
    dealt_for_shares=1,
    dealt_for_invitations=0,
    offers_accepted=3,
    offers_declined=1,
    offers_taken_back=1,
    asks_answered=1,
    asks_declined=1,
    asks_taken_back=1,
    left=2,
    came_home=2,
    moved=2,
    moved_arrived=2,
    sets_decided=3,
    verified=4,
    complaint="",
)
SOCIETY = PeopleFigures(
    verification=VerificationFigures(applications=4, verified=4, refused=3, cases_read=3, cases_ended=3),
    invitations=InvitationFigures(accepted=6, fulfilled=6, cards_dealt=12),
    chat=ChatFigures(
        messages=85, delivered=188, messages_difference=0, streamed=16, packets=7, cards=6, states_wrong=0
    ),
    circles=CircleFigures(
        posts=6,
        comments=6,
        comments_shown=6,
        likes=10,
        likes_shown=10,
        refused=4,
        explained=4,
        taken_down=1,
        told=1,
    ),
    sessions=SessionFigures(asked=20, refreshed=20, revoked=1, revoked_ms=33),
    credit=CreditFigures(score=537, explained_score=537, told_score=537, refused=1, seen=2),
    leaving=LeavingFigures(erased=1, login_refused=1, texts_gone=1),
)
IN_ORDER = GalaReport(
    people=10,
    rounds=2,
    taps=900,
    answered_at_gateway=880,
    packets_won=5,
    budget_fen=1000,
    won_fen=700,
    seen_fen=700,
    credited_fen=700,
    returned_fen=300,
    cards_dealt={"DEDICATION": 4},
    cards=CARDS,
    sets_completed=3,
    pool_fen=100,
    pool_paid_fen=99,
    pool_remainder_fen=1,
    pool_returned_fen=0,
    sharing=SHARING,
    money=MONEY,
    society=SOCIETY,
    wallets_fen=694,
    books_difference_fen=0,
    draw_verified=True,
    packets_verified=5,
    processes=(RunningProcess("etcd", 1),),
    trace=SampledTrace("ab", (Hop("player", "gateway", "Tap", 1.5, 0),)),
    duration_s=1.25,
)


def test_an_evening_in_order_has_no_difference() -> None:
    assert IN_ORDER.difference_fen == 0
    assert IN_ORDER.in_order()


@pytest.mark.parametrize(
    "field",
    [
        "budget_fen",
        "won_fen",
        "seen_fen",
        "credited_fen",
        "returned_fen",
        "pool_fen",
        "pool_paid_fen",
        "pool_remainder_fen",
        "pool_returned_fen",
        "wallets_fen",
        "books_difference_fen",
    ],
)
@pytest.mark.parametrize("error_fen", [-1, 1])
def test_one_fen_anywhere_is_a_difference(field: str, error_fen: int) -> None:
    report = dataclasses.replace(IN_ORDER, **{field: getattr(IN_ORDER, field) + error_fen})
    assert report.difference_fen > 0
    assert not report.in_order()


@pytest.mark.parametrize("field", ["sent_fen", "held_fen", "shares_fen", "paid_fen", "left_fen"])
@pytest.mark.parametrize("error_fen", [-1, 1])
def test_one_fen_anywhere_in_envelopes_is_a_difference(field: str, error_fen: int) -> None:
    sharing = dataclasses.replace(SHARING, **{field: getattr(SHARING, field) + error_fen})
    report = dataclasses.replace(IN_ORDER, sharing=sharing)
    assert report.difference_fen > 0
    assert not report.in_order()


@pytest.mark.parametrize(
    "field",
    [
        "waited_fen",
        "arrived_fen",
        "expired_fen",
        "twice_told_fen",
        "twice_fen",
        "withdrawals_fen",
        "withdrawn_fen",
        "decided_fen",
        "compensated_fen",
        "entries_fen",
        "closing_fen",
    ],
)
@pytest.mark.parametrize("error_fen", [-1, 1])
def test_one_fen_anywhere_in_what_people_did_with_their_money_is_a_difference(
    field: str, error_fen: int
) -> None:
    money = dataclasses.replace(MONEY, **{field: getattr(MONEY, field) + error_fen})
    report = dataclasses.replace(IN_ORDER, money=money)
    assert report.difference_fen > 0
    assert not report.in_order()


def test_a_refused_withdrawal_that_is_not_explained_is_not_in_order() -> None:
    money = dataclasses.replace(MONEY, unexplained=1)
    assert not dataclasses.replace(IN_ORDER, money=money).in_order()


def test_a_split_that_does_not_hold_is_not_in_order() -> None:
    sharing = dataclasses.replace(SHARING, splits_hold=False)
    assert not dataclasses.replace(IN_ORDER, sharing=sharing).in_order()


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("verification", "verified", 3),
        ("verification", "cases_ended", 2),
        ("invitations", "fulfilled", 5),
        ("invitations", "cards_dealt", 11),
        ("chat", "messages_difference", 1),
        ("chat", "states_wrong", 1),
        ("circles", "comments_shown", 5),
        ("circles", "likes_shown", 11),
        ("circles", "explained", 3),
        ("circles", "told", 0),
        ("sessions", "refreshed", 19),
        ("sessions", "revoked_ms", 5_000),
        ("sessions", "revoked_ms", -1),
        ("credit", "explained_score", 536),
        ("credit", "told_score", 538),
        ("credit", "seen", 1),
        ("leaving", "login_refused", 0),
        ("leaving", "texts_gone", 0),
    ],
)
def test_what_does_not_fit_beside_the_campaign_is_not_in_order(part: str, field: str, value: int) -> None:
    assert not SOCIETY.complaints()
    changed = dataclasses.replace(getattr(SOCIETY, part), **{field: value})
    report = dataclasses.replace(IN_ORDER, society=dataclasses.replace(SOCIETY, **{part: changed}))
    assert report.society.complaints()
    assert not report.in_order()


@pytest.mark.parametrize("field", ["issued", "held", "spent", "shown"])
@pytest.mark.parametrize("error", [-1, 1])
def test_one_card_anywhere_is_a_difference(field: str, error: int) -> None:
    kind = dataclasses.replace(RARE, **{field: getattr(RARE, field) + error})
    cards = dataclasses.replace(CARDS, kinds=(kind,))
    assert cards.difference > 0
    assert not dataclasses.replace(IN_ORDER, cards=cards).in_order()


@pytest.mark.parametrize(
    "cards",
    [
        dataclasses.replace(CARDS, came_home=1),
        dataclasses.replace(CARDS, sets_decided=2),
        dataclasses.replace(CARDS, verified=3),
        dataclasses.replace(CARDS, complaint="deck 1 is another one"),
    ],
)
def test_a_card_game_that_is_not_as_it_should_be_is_not_in_order(cards: CardFigures) -> None:
    assert not dataclasses.replace(IN_ORDER, cards=cards).in_order()


def test_more_cards_than_the_limit_allows_are_a_difference() -> None:
    assert RARE.difference == 0
    assert dataclasses.replace(RARE, issue_limit=3).difference == 1


def test_cards_that_the_deadline_kept_from_being_seen_are_no_difference_and_no_others() -> None:
    moved = dataclasses.replace(RARE, issued=6, issue_limit=6, held=3, shown=1, unseen=2)
    assert moved.difference == 0
    assert dataclasses.replace(moved, unseen=1).difference == 2


def test_differences_do_not_cancel_each_other_out() -> None:
    # One fen too much credited and one too little in the wallets: both are named.
    report = dataclasses.replace(IN_ORDER, credited_fen=701, wallets_fen=694)
    assert report.difference_fen == 2


def test_a_draw_that_does_not_hold_is_not_in_order() -> None:
    assert not dataclasses.replace(IN_ORDER, draw_verified=False).in_order()


def test_the_report_file_has_what_its_readers_need(tmp_path: Path) -> None:
    IN_ORDER.write(tmp_path / "report.json")
    content = json.loads((tmp_path / "report.json").read_text())
    assert set(content) >= {
        "people",
        "taps",
        "answered_at_gateway",
        "packets_won",
        "budget_fen",
        "won_fen",
        "credited_fen",
        "returned_fen",
        "cards_dealt",
        "sets_completed",
        "pool_fen",
        "pool_paid_fen",
        "pool_remainder_fen",
        "sharing",
        "cards",
        "cards_difference",
        "difference_fen",
        "messages_difference",
        "complaints",
        "society",
        "draw_verified",
        "processes",
        "trace",
        "duration_s",
    }
    assert content["sharing"]["sent_on"] == 2
    assert content["processes"] == [{"name": "etcd", "pid": 1}]
    assert content["trace"]["hops"][0]["method"] == "Tap"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize(
    ("amount_fen", "text"),
    [(0, "0.00"), (5, "0.05"), (12_345_678, "123,456.78"), (-5, "-0.05"), (-150, "-1.50")],
)
def test_amounts_read_as_yuan(amount_fen: int, text: str) -> None:
    assert yuan(amount_fen) == text
