"""What would raise a score, and by how much: each is the same signals with one thing done."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from services.identity.domain.credit.rules import BALANCE_FEN, CHANNELS, Factor, Points, points_of
from services.identity.domain.credit.signals import DAY_MS, RelationFacts, Signals

FRIENDS_MORE: Final = 5
"""How many more verified friends are thought of."""
STAY_DAYS: Final = 365


class Raise(enum.IntEnum):
    """Something that a person can do; numbers are the contract's."""

    VERIFY_PERSON = 1
    BIND_CARD = 2
    PAY_OVERDUE = 3
    PAY_BACK = 4
    STAY = 5
    KEEP_BALANCE = 6
    OWE_LESS = 7
    KEEP_RULES = 8
    SETTLE_CASES = 9
    MAKE_FRIENDS = 10


@dataclass(frozen=True, slots=True)
class Gain:
    """What one of them would bring."""

    by: Raise
    factor: Factor
    """The factor that would rise most."""
    points: int


def gains_of(signals: Signals) -> tuple[Gain, ...]:
    """All that would bring at least a point, what brings most first."""
    before = points_of(signals)
    found = [gain for by in Raise if (gain := _gain(signals, before, by)) is not None]
    return tuple(sorted(found, key=lambda gain: (-gain.points, gain.by)))


def done(signals: Signals, by: Raise) -> Signals:
    """The signals as they would be."""
    return _DONE[by](signals)


def _gain(signals: Signals, before: Sequence[Points], by: Raise) -> Gain | None:
    after = done(signals, by)
    if after is signals:
        return None  # There is nothing to do.
    rises = {
        later.factor: later.points - now.points for now, later in zip(before, points_of(after), strict=True)
    }
    gained = sum(rises.values())
    assert gained >= 0, "what is advised costs nobody points"
    if gained == 0:
        return None
    return Gain(by, max(rises, key=lambda factor: (rises[factor], -factor)), gained)


def _own(signals: Signals, **changed: int) -> Signals:
    if all(getattr(signals.own, name) == value for name, value in changed.items()):
        return signals
    return replace(signals, own=replace(signals.own, **changed))


def _verify(signals: Signals) -> Signals:
    return signals if signals.own.channels else _own(signals, channels=1)


def _bind(signals: Signals) -> Signals:
    channels = signals.own.channels
    # A provisional person has to be verified first.
    return _own(signals, channels=channels + 1) if 0 < channels < CHANNELS.corners[-1][0] else signals


def _pay_overdue(signals: Signals) -> Signals:
    late = signals.own.loans_late
    return _own(signals, loans_late=0, loans_repaid=signals.own.loans_repaid + late)


def _stay(signals: Signals) -> Signals:
    return replace(signals, now_ms=signals.now_ms + STAY_DAYS * DAY_MS)


def _keep_balance(signals: Signals) -> Signals:
    wallet = signals.wallet
    if wallet is None or wallet.is_frozen:
        return signals
    above = [balance for balance, _ in BALANCE_FEN.corners if balance > wallet.balance_fen]
    return replace(signals, wallet=replace(wallet, balance_fen=above[0])) if above else signals


def _make_friends(signals: Signals) -> Signals:
    known = signals.relations
    if known is None:
        return signals
    friends, verified = known.friends + FRIENDS_MORE, known.verified_friends + FRIENDS_MORE
    # Rounded up, so that the new ones are counted in full.
    permille = min(1000, max(known.verified_permille, -(-verified * 1000 // friends)))
    return replace(signals, relations=RelationFacts(known.as_of_ms, friends, permille))


_DONE: Final[Mapping[Raise, Callable[[Signals], Signals]]] = {
    Raise.VERIFY_PERSON: _verify,
    Raise.BIND_CARD: _bind,
    Raise.PAY_OVERDUE: _pay_overdue,
    Raise.PAY_BACK: lambda signals: _own(signals, loans_repaid=signals.own.loans_repaid + 1),
    Raise.STAY: _stay,
    Raise.KEEP_BALANCE: _keep_balance,
    Raise.OWE_LESS: lambda signals: _own(signals, owed_fen=0),
    Raise.KEEP_RULES: lambda signals: _own(signals, conducts=0),
    Raise.SETTLE_CASES: lambda signals: _own(signals, open_cases=0),
    Raise.MAKE_FRIENDS: _make_friends,
}
