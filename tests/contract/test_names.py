"""Names that others see: what they may not be, the same in every contract."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from hongbao.gateway.v1 import circle_pb2 as gateway_circle_pb2
from hongbao.gateway.v1 import gateway_pb2
from hongbao.identity.v1 import credit_partner_pb2, identity_pb2
from hongbao.social.v1 import circle_pb2, social_pb2
from services.mesh.interceptors.validation import broken_rules

REMARKS: tuple[type[Message], ...] = (social_pb2.SetRemarkRequest, gateway_pb2.SetRemarkRequest)
NAMED: tuple[tuple[type[Message], str], ...] = (
    (identity_pb2.RegisterRequest, "display_name"),
    (gateway_pb2.RegisterRequest, "display_name"),
    (circle_pb2.CreateCircleRequest, "name"),
    (gateway_circle_pb2.CreateCircleRequest, "name"),
    (credit_partner_pb2.RegisterPartnerRequest, "name"),
    *((kind, "remark") for kind in REMARKS),
)


def wrong_with(kind: type[Message], field: str, name: str) -> list[str]:
    return [wrong for broken, wrong in broken_rules(kind(**{field: name})) if broken == field]


@pytest.mark.parametrize(("kind", "field"), NAMED)
@pytest.mark.parametrize(
    "name",
    [
        "小明",
        "Zoë O'Neill-7",
        "张 三",
        "עדי",  # Written from right to left by its letters alone.
        "می\u200cرود",  # Joined letters are parted by a character of no width.
        "👨\u200d👩\u200d👧",
        "❤\ufe0f",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "·",
        "ด\u0e35",
    ],
)
def test_a_name_that_can_be_seen_is_taken(kind: type[Message], field: str, name: str) -> None:
    assert wrong_with(kind, field, name) == []


@pytest.mark.parametrize(("kind", "field"), NAMED)
@pytest.mark.parametrize(
    "name",
    [
        " ",
        "\u3000\u00a0\u2003",
        "\u200b\u200c\u200d\u2060\ufeff\u00ad",
        "\u3164",  # Hangul's filler, which is a letter to Unicode.
        "\u2800",  # Braille without a dot.
        "\ufe0f\u0301",  # Marks on nothing.
        "小\n明",
        "小\u2028明",
        "\t小明",
        "小明\x7f",
        "小明\x85",
        "\u202e小明",
        "小\u200f明",
        "小明\u2067",
        "\u061c小明",
    ],
)
def test_a_name_that_shows_nothing_or_turns_what_stands_round_it_is_refused(
    kind: type[Message], field: str, name: str
) -> None:
    assert wrong_with(kind, field, name) == [
        "a name has something to be seen, and nothing that breaks lines or turns text round"
    ]


@pytest.mark.parametrize("kind", REMARKS)
def test_an_empty_remark_takes_the_name_away(kind: type[Message]) -> None:
    assert wrong_with(kind, "remark", "") == []
