from __future__ import annotations

import base64
import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.people import AccountId, SessionId
from services.identity.domain.sessions import refresh_token
from services.identity.domain.sessions.errors import (
    RefreshTokenExpired,
    RefreshTokenInvalid,
    SessionRevoked,
)
from services.identity.domain.sessions.session import (
    Ending,
    Session,
    SessionTerms,
    open_session,
    refresh,
)

KEY, SALT = b"k" * 32, b"s" * 16
TERMS = SessionTerms(access_s=900, refresh_s=1_000, session_s=5_000, grace_s=60, sessions_max=3)
NOW_MS = 1_454_846_400_500
FIRST, SECOND = b"1" * 32, b"2" * 32


def opened() -> Session:
    return open_session(SessionId(7), AccountId(42), SALT, NOW_MS, TERMS)


def test_a_refresh_token_is_genuine_only_as_it_was_made() -> None:
    text = refresh_token.make(KEY, SessionId(7), SALT, 1)
    token = refresh_token.parse(text)
    assert token is not None
    assert len(text) == 59
    assert (token.session_id, token.number) == (7, 1)
    assert refresh_token.is_genuine(token, KEY, SALT)
    assert not refresh_token.is_genuine(token, KEY, b"t" * 16)
    assert not refresh_token.is_genuine(token, b"l" * 32, SALT)
    assert not refresh_token.is_genuine(dataclasses.replace(token, number=2), KEY, SALT)
    assert not refresh_token.is_genuine(dataclasses.replace(token, session_id=SessionId(8)), KEY, SALT)
    assert text not in repr(token)


@pytest.mark.parametrize("text", ["", "made-up", "!" * 59, "A" * 58, "A" * 60, "A" * 59, "é" * 59, "_" * 59])
def test_what_has_not_the_form_of_a_refresh_token_is_none(text: str) -> None:
    assert refresh_token.parse(text) is None


@given(st.binary(min_size=44, max_size=44))
def test_no_token_made_up_is_genuine(raw: bytes) -> None:
    token = refresh_token.parse(base64.urlsafe_b64encode(raw).rstrip(b"=").decode())
    assert token is None or not refresh_token.is_genuine(token, KEY, SALT)


def test_the_newest_token_makes_the_next_one() -> None:
    after = refresh(opened(), 1, FIRST, NOW_MS + 5_000, TERMS)
    assert (after.number, after.made_for, after.revoked_ms) == (2, FIRST, None)
    assert after.ends_ms == NOW_MS + 5_000 + 1_000_000
    assert after.access_ends_ms == (NOW_MS + 5_000) // 1000 * 1000 + 900_000


def test_a_session_ends_however_often_it_is_refreshed() -> None:
    session, now_ms = opened(), NOW_MS
    for turn in range(1, 6):
        now_ms = NOW_MS + turn * 900_000
        session = refresh(session, turn, FIRST, now_ms, TERMS)
    assert session.ends_ms == NOW_MS + 5_000_000
    with pytest.raises(RefreshTokenExpired):
        refresh(session, 6, FIRST, session.ends_ms, TERMS)


@pytest.mark.parametrize(
    ("number", "request_digest", "after_ms", "outcome"),
    [
        (2, SECOND, 1_000, "next"),
        (1, FIRST, 0, "same"),
        (1, FIRST, 60_000, "same"),
        (1, FIRST, 60_001, "reused"),
        (1, SECOND, 0, "reused"),
        (2, FIRST, 999_999, "next"),
        (2, FIRST, 1_000_000, "expired"),
        (3, FIRST, 0, "invalid"),
        (0, FIRST, 0, "invalid"),
    ],
)
def test_what_a_token_brings_after_a_refresh(
    number: int, request_digest: bytes, after_ms: int, outcome: str
) -> None:
    session = refresh(opened(), 1, FIRST, NOW_MS, TERMS)
    assert _outcome(session, number, request_digest, NOW_MS + after_ms) == outcome


def test_a_repeat_is_worth_nothing_once_its_successor_was_used() -> None:
    session = refresh(refresh(opened(), 1, FIRST, NOW_MS, TERMS), 2, SECOND, NOW_MS, TERMS)
    assert _outcome(session, 1, FIRST, NOW_MS) == "reused"
    assert _outcome(session, 2, SECOND, NOW_MS) == "same"


def test_what_was_revoked_stays_so_and_says_why() -> None:
    session = opened().revoked(Ending.BY_OWNER, NOW_MS)
    assert session.revoked(Ending.REUSED, NOW_MS + 1) == session
    assert _outcome(session, 1, FIRST, NOW_MS) == "revoked"
    assert session.ends_ms == opened().ends_ms
    assert opened().revoked(Ending.TOO_MANY, NOW_MS).ends_ms == NOW_MS


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from([FIRST, SECOND]), st.integers(0, 90_000))))
def test_two_who_have_a_token_are_never_both_served(
    calls: list[tuple[int, bytes, int]],
) -> None:
    """Whoever brings what another request has used is not served, and then nobody is any more."""
    session, now_ms = opened(), NOW_MS
    used_by: dict[int, bytes] = {}
    for number, request_digest, pause_ms in calls:
        now_ms += pause_ms
        outcome = _outcome(session, number, request_digest, now_ms)
        if outcome in ("next", "same"):
            assert used_by.setdefault(number, request_digest) == request_digest
            assert session.revoked_ms is None
        if outcome in ("next", "same", "reused"):
            session = refresh(session, number, request_digest, now_ms, TERMS)
        if outcome == "reused":
            assert session.ending is Ending.REUSED
        assert session.access_ends_ms >= TERMS.access_ends_ms(session.refreshed_ms)


def _outcome(session: Session, number: int, request_digest: bytes, now_ms: int) -> str:
    try:
        after = refresh(session, number, request_digest, now_ms, TERMS)
    except RefreshTokenExpired:
        return "expired"
    except RefreshTokenInvalid:
        return "invalid"
    except SessionRevoked:
        return "revoked"
    if after.revoked_ms is not None:
        return "reused"
    return "next" if after.number == session.number + 1 else "same"
