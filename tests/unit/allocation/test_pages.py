from __future__ import annotations

import pytest

from services.allocation.api.pages import page_position
from services.allocation.domain.errors import PageTokenInvalid
from services.mesh.pages import page_token


def test_a_token_stands_for_a_position_of_its_list() -> None:
    assert page_position("rounds/spring", page_token("rounds/spring", 40)) == 40
    assert page_position("rounds/spring", "") == 0


@pytest.mark.parametrize(
    "token",
    [
        page_token("rounds/autumn", 40),
        page_token("rounds/spring", -1),
        "a",
        "@@",
        "_w",
        "红包",
        "\u202e\x1b[2J",
        "x" * 256,
    ],
)
def test_what_was_not_given_out_for_this_list_is_no_token(token: str) -> None:
    with pytest.raises(PageTokenInvalid):
        page_position("rounds/spring", token)
