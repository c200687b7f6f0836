"""What goes wrong between settlement and a simulated bank: drawn from a seed, the same every time."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from services.settlement.domain.withdrawals.rail import PaymentOrder
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId

REFUSALS = (
    WithdrawalFailure.CARD_CLOSED,
    WithdrawalFailure.NAME_DIFFERS,
    WithdrawalFailure.LIMIT_AT_BANK,
    WithdrawalFailure.BANK_DOWN,
)
"""Why a bank refuses. All of them are final: an order that was refused is never paid."""


@dataclass(frozen=True, slots=True)
class Journey:
    """An order's way to the bank, and the answer's way back."""

    arrives_after_ms: int | None = 0
    """None when it is lost; longer than the caller waits when it is late."""
    again_after_ms: int | None = None
    """When a copy of it arrives, counted from the first; None when there is no copy."""
    answered: bool = True
    """False when the answer is lost: it is done, but nobody is told."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What the bank does with an order that it has taken. Times count from its arrival, milliseconds."""

    failure: WithdrawalFailure | None = None
    """Why it is refused; None when it is paid."""
    decides_after_ms: int = 0
    shows_after_ms: int = 0
    """Until then the machine that answers queries does not know the order."""
    reports_after_ms: tuple[int, ...] = (0,)
    """When the bank reports the decision, counted from that: twice, late, or never."""


class Faults(Protocol):
    """Says what goes wrong."""

    def journey(self, order: PaymentOrder) -> Journey:
        """What happens to an order on its way."""
        ...

    def fate(self, order: PaymentOrder) -> Fate:
        """What the bank does with it: always the same for the same order."""
        ...

    def loses_query(self, withdrawal_id: WithdrawalId) -> bool:
        """Whether a query has no answer; drawn anew for each."""
        ...


@dataclass(frozen=True, slots=True)
class Climate:
    """How often things go wrong, and how long they take."""

    percent: int = 0
    """Probability of each fault, and of a refusal, percent."""
    latency_ms: int = 20
    """From settlement to the bank and back."""
    decides_ms: int = 1_000
    """Longest time until the bank decides."""
    late_ms: int = 60_000
    """Longest delay of what is late: orders, copies, reports, what queries show."""
    refused_ending_fen: int = -1
    """Orders whose amount ends in so many fen are refused, whatever else happens; -1: none."""


class SeededFaults:
    """Draws from a seed and the order's number, so that a run can be repeated."""

    def __init__(self, seed: int, climate: Climate) -> None:
        self._seed = seed
        self._climate = climate
        self._queries = self._source("queries", WithdrawalId(0))

    def journey(self, order: PaymentOrder) -> Journey:
        """See `Faults.journey`."""
        source = self._source("journey", order.withdrawal_id)
        arrives_ms: int | None = self._climate.latency_ms // 2
        if self._happens(source):
            arrives_ms = None
        elif self._happens(source):
            arrives_ms = source.randint(0, self._climate.late_ms)
        again_ms = source.randint(0, self._climate.late_ms) if self._happens(source) else None
        return Journey(arrives_ms, again_ms, answered=not self._happens(source))

    def fate(self, order: PaymentOrder) -> Fate:
        """See `Faults.fate`."""
        source, climate = self._source("fate", order.withdrawal_id), self._climate
        failure = source.choice(REFUSALS) if self._happens(source) else None
        if order.amount_fen % 100 == climate.refused_ending_fen:
            failure = WithdrawalFailure.LIMIT_AT_BANK
        decides_ms = source.randint(0, climate.decides_ms)
        shows_ms = source.randint(0, climate.late_ms) if self._happens(source) else 0
        reports_ms: tuple[int, ...] = (0,)
        if self._happens(source):
            reports_ms = ()
        elif self._happens(source):
            reports_ms = (source.randint(0, climate.late_ms), source.randint(0, climate.late_ms))
        return Fate(failure, decides_ms, shows_ms, reports_ms)

    def loses_query(self, withdrawal_id: WithdrawalId) -> bool:  # noqa: ARG002 - any query may be lost
        """See `Faults.loses_query`."""
        return self._happens(self._queries)

    def _source(self, what: str, withdrawal_id: WithdrawalId) -> Random:
        # Seeding with text is the same in every version and on every machine. No secret hangs on it.
        return Random(f"{self._seed}/{what}/{withdrawal_id}")  # noqa: S311 - a simulation, no secret

    def _happens(self, source: Random) -> bool:
        return source.randrange(100) < self._climate.percent
