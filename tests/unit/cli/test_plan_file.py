"""The plan file of a card game: whatever is wrong with it is said before anything is asked of a mesh."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.protobuf import json_format

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from services.cli.commands.cards_open import GameAsked
from services.cli.console import Refusal
from services.cli.plan_file import read_plan

KINDS = ("PATRIOTISM", "PROSPERITY", "HARMONY", "FRIENDLINESS", "DEDICATION")


def plan() -> events.SupplyPlan:
    return events.SupplyPlan(
        card_limits=[
            events.CardLimit(card=events.Card.Value(f"CARD_{kind}"), issue_limit=100 + number)
            for number, kind in enumerate(KINDS)
        ],
        source_quotas=[events.SourceQuota(source=events.CARD_SOURCE_TAP, card_quota=50)],
    )


def asked(of: events.SupplyPlan, path: Path, *, deadline: int = 17) -> GameAsked:
    return GameAsked(
        campaign_id="spring",
        sponsor_id=7,
        pool_fen=100,
        plan=of,
        plan_path=path,
        opens_at=None,
        deadline=datetime(2026, 2, deadline, tzinfo=UTC),
    )


OPENS_AT = datetime(2026, 2, 16, tzinfo=UTC)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    for keeps_names in (True, False):
        path.write_text(json_format.MessageToJson(plan(), preserving_proto_field_name=keeps_names))
        assert read_plan(path) == plan()
    order = asked(read_plan(path), path).order(OPENS_AT)
    assert (order.supply, order.opens_at.ToDatetime(UTC)) == (plan(), OPENS_AT)
    assert not order.HasField("winnings_wait_until_at")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "Expecting value"),
        (b"[]", "it is not a JSON object"),
        (b'"text"', "it is not a JSON object"),
        (b"\xff\xfe{", "codec can't decode"),
        (b'{"card_limits": [}', "line 1 column 18"),
        (b'{"card_limits": [], "card_limits": []}', "duplicate key card_limits"),
        (b'{"cards": []}', 'no field named "cards"'),
        (b'{"card_limits": [{"card": "CARD_LUCK"}]}', "Invalid enum value CARD_LUCK"),
        (b'{"card_limits": [{"issue_limit": 1.5}]}', "Couldn't parse integer: 1.5"),
        (b'{"card_limits": 5}', "repeated field card_limits must be in"),
        (b'{"a":' * 5_000, "it is nested too deep|Expecting value"),
        (b'{"card_limits": [{"card": "' + b"X" * 50_000 + b'"}]}', r"X\.\.\.$"),
        (b" " * (1 << 20) + b"{}", "it is larger than 1 MiB"),
    ],
)
def test_what_is_no_plan_is_refused_in_one_line(tmp_path: Path, text: bytes, complaint: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text)
    with pytest.raises(Refusal, match=complaint) as refusal:
        read_plan(path)
    assert "\n" not in str(refusal.value)
    assert len(refusal.value.message) < 1_000
    assert "plan.json is no plan: " in str(refusal.value)


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"nowhere\.json cannot be read: no such file"):
        read_plan(tmp_path / "nowhere.json")
    with pytest.raises(Refusal, match="cannot be read: is a directory"):
        read_plan(tmp_path)


def test_every_mistake_of_a_plan_is_named_at_once() -> None:
    wrong = plan()
    wrong.card_limits[1].issue_limit = -3
    wrong.card_limits[4].card = events.CARD_HARMONY
    wrong.source_quotas[0].card_quota = 10**12
    with pytest.raises(Refusal) as refusal:
        asked(wrong, Path("plan.json")).order(OPENS_AT)
    said = refusal.value.message
    assert said.startswith("plan.json is no plan for a game: ")
    for mistake in (
        "every card needs an issue_limit of at least 1",
        "card_limits: each card has one limit",
        "card_limits[1].issue_limit: ",
        "source_quotas[0].card_quota: ",
    ):
        assert mistake in said
    assert "\n" not in said


def test_a_plan_that_contradicts_itself_is_refused() -> None:
    wrong = plan()
    wrong.release_curve.points.add(offset_ms=1_000, released_ppm=500_000)
    with pytest.raises(Refusal, match=r"no plan for a game: release_curve: the last point must release"):
        asked(wrong, Path("plan.json")).order(OPENS_AT)
    late = plan()
    late.rare_until_offset_ms = 86_400_001
    with pytest.raises(Refusal, match=r"rare_until_offset_ms: the planned hour is after the deadline"):
        asked(late, Path("plan.json")).order(OPENS_AT)


def test_mistakes_beyond_the_first_twenty_are_counted() -> None:
    wrong = plan()
    wrong.source_quotas[0].card_quota = -1
    for _ in range(40):
        wrong.source_quotas.append(wrong.source_quotas[0])
    with pytest.raises(Refusal, match=r"; and [0-9]+ more$"):
        asked(wrong, Path("plan.json")).order(OPENS_AT)


def test_a_game_that_ends_before_it_opens_is_refused_though_its_plan_is_sound() -> None:
    with pytest.raises(Refusal, match=r"opens_at must be before deadline$"):
        asked(plan(), Path("plan.json"), deadline=16).order(OPENS_AT)


def test_the_order_is_what_the_contract_takes() -> None:
    order = asked(plan(), Path("plan.json")).order(OPENS_AT)
    assert order == cards.CreateGameRequest.FromString(order.SerializeToString())
    assert (order.campaign_id, order.sponsor_id, order.pool_fen) == ("spring", 7, 100)
