"""Carries out what a bank says, from wherever the word comes: an answer, a query, a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import Counter

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.logs import get_logger
from services.mesh.metrics import REGISTRY
from services.mesh.shards.host import Shard, ShardOverloaded
from services.mesh.telemetry import traceparent
from services.settlement.domain.state import SettlementState
from services.settlement.domain.withdrawals.outcome import Outcome, outcome_of, silent
from services.settlement.domain.withdrawals.rail import Payment
from services.settlement.domain.withdrawals.values import Withdrawal, WithdrawalFailure, WithdrawalId
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.withdrawals")

ENDED = Counter(
    "hongbao_settlement_withdrawals_ended",
    "Withdrawals that ended, by how: succeeded, or the reason of the failure.",
    ["how"],
    registry=REGISTRY,
)
CONTRADICTED = Counter(
    "hongbao_settlement_withdrawals_contradicted",
    "What the bank has said against the record. Above 0, an operator has to look.",
    registry=REGISTRY,
)


@dataclass(frozen=True, slots=True)
class BankWord:
    """Carries words of the bank out on one shard."""

    shard: Shard[SettlementState]
    clock: Clock
    settings: SettlementSettings

    async def carry_out(self, number: WithdrawalId, payment: Payment | None, asked_ms: int) -> Outcome | None:
        """Commits what follows; None when the withdrawal is forgotten. Not durable on return.

        Args:
            number: the withdrawal.
            payment: what the bank says; None when it has not answered.
            asked_ms: when it was asked, milliseconds since the Unix epoch.
        """

        def decide(withdrawal: Withdrawal) -> Outcome:
            if payment is None:
                return silent(withdrawal)
            return outcome_of(
                withdrawal,
                payment,
                asked_ms=asked_ms,
                kept_until_ms=self.clock.now_ms() + self.settings.withdrawals_kept_ms,
                shard=self.shard.number,
            )

        outcome = await self.commit(number, decide)
        if outcome is not None:
            _tell(number, outcome)
        return outcome

    async def commit(self, number: WithdrawalId, decide: Callable[[Withdrawal], Outcome]) -> Outcome | None:
        """Decides against the withdrawal as it is when there is room for a record, and commits."""
        backoff: Backoff | None = None
        while True:
            withdrawal = self.shard.state.withdrawals.find(number)
            if withdrawal is None:
                return None
            outcome = decide(withdrawal)
            if outcome.event is None:
                return outcome
            try:
                self.shard.commit(outcome.event, traceparent())
            except ShardOverloaded:
                backoff = backoff or Backoff(self.settings.backoff_ms_min, self.settings.backoff_ms_max)
                await self.clock.sleep(backoff.next_s())
            else:
                return outcome


def _tell(number: WithdrawalId, outcome: Outcome) -> None:
    if outcome.contradiction:
        CONTRADICTED.inc()
        _log.error("bank_contradicts_the_record", withdrawal_id=number, detail=outcome.contradiction)
    elif outcome.event is not None:
        match outcome.event.withdrawal.WhichOneof("step"):
            case "succeeded":
                ENDED.labels("succeeded").inc()
            case "failed":
                failure = WithdrawalFailure(outcome.event.withdrawal.failed.failure)
                ENDED.labels(failure.name.lower()).inc()
