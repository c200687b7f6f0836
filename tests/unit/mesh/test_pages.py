from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mesh.pages import NUMBER_MAX, NUMBER_MIN, Listing, PageTokenForeign

FRIENDS = Listing("friends", 7)


def test_a_token_leads_to_where_the_page_ended() -> None:
    assert FRIENDS.number(FRIENDS.token(NUMBER_MAX)) == NUMBER_MAX
    assert FRIENDS.numbers(FRIENDS.token(1_000, 0), 2) == (1_000, 0)
    assert FRIENDS.numbers(FRIENDS.token(-1, NUMBER_MIN), 2, least=NUMBER_MIN) == (-1, NUMBER_MIN)
    assert FRIENDS.number_and_name(FRIENDS.token(1_000, "K160207-7Q2M4KXA")) == (1_000, "K160207-7Q2M4KXA")


def test_no_token_asks_for_the_first_page() -> None:
    assert FRIENDS.number("") == 0
    assert FRIENDS.numbers("", 2) is None
    assert FRIENDS.number_and_name("") is None


@pytest.mark.parametrize(
    "other", [Listing("friends", 8), Listing("friends"), Listing("requests", 7), Listing("friends/7")]
)
def test_a_token_of_another_list_is_refused(other: Listing) -> None:
    with pytest.raises(PageTokenForeign):
        FRIENDS.number(other.token(40))


def forged(key: str) -> str:
    """A token of friends as somebody makes it who knows how."""
    mark = zlib.crc32(repr((FRIENDS.name, str(FRIENDS.subject), key)).encode())
    return base64.urlsafe_b64encode(f"{key}|{mark}".encode()).decode()


def test_a_forged_token_that_asks_for_nothing_new_is_no_harm() -> None:
    assert FRIENDS.numbers(forged("3|4"), 2) == (3, 4)
    assert FRIENDS.number_and_name(forged("3|K-4")) == (3, "K-4")


@pytest.mark.parametrize(
    "key",
    ["", "3", "3|", "3|4|5", "3|-1", "-1|4", f"3|{2**63}", "3|" + "9" * 5_000, "3|٣", "3|+4", "3| 4", "3|K"],
)
def test_a_forged_token_asks_for_nothing_that_no_database_takes(key: str) -> None:
    with pytest.raises(PageTokenForeign):
        FRIENDS.numbers(forged(key), 2)


@pytest.mark.parametrize("key", ["3", "3|", "K|4", "3|K\x00", "3|K'", "3|é", "-1|K", "3|K|4"])
def test_a_forged_name_is_made_of_letters_digits_and_dashes(key: str) -> None:
    with pytest.raises(PageTokenForeign):
        FRIENDS.number_and_name(forged(key))


@settings(max_examples=40)
@given(st.text(min_size=1, max_size=64))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(PageTokenForeign):
        FRIENDS.number(text)


@pytest.mark.parametrize(
    "token", ["bm9uZQ", "????", "红包", "fHx8", "A", "bm9uZXwx", "_w", "\u202e\x1b[2J", "x" * 256]
)
def test_what_is_no_page_token_is_refused(token: str) -> None:
    with pytest.raises(PageTokenForeign):
        FRIENDS.number(token)
