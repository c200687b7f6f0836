"""Signals to score, and how Hypothesis finds others."""

from __future__ import annotations

from hypothesis import strategies as st

from services.identity.domain.credit.signals import DAY_MS, OwnFacts, RelationFacts, Signals, WalletFacts

NOW_MS = 1_454_846_400_000
NEW = OwnFacts(
    channels=1,
    known_since_ms=NOW_MS,
    open_cases=0,
    loans_repaid=0,
    loans_late=0,
    loans_written_off=0,
    owed_fen=0,
    conducts=0,
)
BEST = OwnFacts(
    channels=5,
    known_since_ms=NOW_MS - 3_000 * DAY_MS,
    open_cases=0,
    loans_repaid=20,
    loans_late=0,
    loans_written_off=0,
    owed_fen=0,
    conducts=0,
)
WORST = OwnFacts(
    channels=0,
    known_since_ms=NOW_MS,
    open_cases=9,
    loans_repaid=0,
    loans_late=9,
    loans_written_off=9,
    owed_fen=10**12,
    conducts=9,
)

_few = st.integers(0, 30)
_fen = st.integers(0, 10**9)

own_facts = st.builds(
    OwnFacts,
    channels=st.integers(0, 6),
    known_since_ms=st.integers(NOW_MS - 4_000 * DAY_MS, NOW_MS + DAY_MS),
    open_cases=_few,
    loans_repaid=_few,
    loans_late=_few,
    loans_written_off=_few,
    owed_fen=_fen,
    conducts=_few,
)
wallets = st.builds(WalletFacts, st.just(NOW_MS), balance_fen=_fen, is_frozen=st.booleans())
relations = st.builds(
    RelationFacts, st.just(NOW_MS), friends=st.integers(0, 5_000), verified_permille=st.integers(0, 1000)
)
signals = st.builds(Signals, st.just(NOW_MS), own_facts, st.none() | wallets, st.none() | relations)
