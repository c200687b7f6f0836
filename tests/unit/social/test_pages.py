from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.social.domain import pages
from services.social.domain.errors import PageTokenInvalid
from services.social.domain.relation import PersonId

ME, LAST = PersonId(7), PersonId(2**63 - 1)


def test_a_token_leads_to_where_the_page_ended() -> None:
    assert pages.last_of(pages.token("friends", ME, LAST), "friends", ME) == LAST
    assert pages.last_of("", "friends", ME) == 0


def test_a_token_of_another_list_is_refused() -> None:
    token = pages.token("friends", ME, LAST)
    for listing, person in (("INCOMING", ME), ("friends", PersonId(8))):
        with pytest.raises(PageTokenInvalid):
            pages.last_of(token, listing, person)


@given(st.text(min_size=1, max_size=64))
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(PageTokenInvalid):
        pages.last_of(text, "friends", ME)
