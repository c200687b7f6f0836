from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.domain.revocations import RevokedSessions


def test_a_revoked_session_is_remembered_until_its_last_token_ends() -> None:
    revoked = RevokedSessions(10)
    revoked.add(1, 500)
    revoked.add(2, 400)
    revoked.add(1, 900)
    revoked.forget(400)
    assert revoked.ends_ms == {1: 500}
    revoked.forget(500)
    assert revoked.ends_ms == {}
    assert revoked.expired_ms == 0


@settings(max_examples=80)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 1_000)), max_size=60), st.integers(1, 8))
def test_memory_is_bounded_and_nobody_revoked_gets_through(
    entries: list[tuple[int, int]], sessions_max: int
) -> None:
    revoked, first_told = RevokedSessions(sessions_max), dict[int, int]()
    for session_id, ends_ms in entries:
        revoked.add(session_id, ends_ms)
        first_told.setdefault(session_id, ends_ms)
        assert len(revoked.ends_ms) <= sessions_max
    for session_id, ends_ms in first_told.items():
        # A token of the session ends by then at the latest.
        assert session_id in revoked.ends_ms or ends_ms <= revoked.expired_ms
    if len(first_told) <= sessions_max:
        assert revoked.expired_ms == 0
