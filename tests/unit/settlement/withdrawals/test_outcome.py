"""The table: what the bank's word does to a withdrawal in every state."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.withdrawals.outcome import outcome_of, silent
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.values import (
    BankCard,
    Withdrawal,
    WithdrawalFailure,
    WithdrawalId,
    WithdrawalOrder,
    WithdrawalState,
)

ORDER = WithdrawalOrder(WithdrawalId(42), 7, 1_000, BankCard(9), "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10", 500)
CUT_OFF_MS = 200
BEFORE, AFTER = CUT_OFF_MS - 1, CUT_OFF_MS
REQUESTED, SUBMITTED, UNKNOWN, SUCCEEDED, FAILED = WithdrawalState
PAID = Payment(PaymentStatus.PAID, 1_000, bank_reference="B1")
PAID_LESS = Payment(PaymentStatus.PAID, 999, bank_reference="B1")
REFUSED = Payment(PaymentStatus.REFUSED, 1_000, WithdrawalFailure.NAME_DIFFERS)
REFUSED_SILENTLY = Payment(PaymentStatus.REFUSED, 1_000)
REFUSED_MORE = Payment(PaymentStatus.REFUSED, 1_001, WithdrawalFailure.NAME_DIFFERS)
PROCESSING = Payment(PaymentStatus.PROCESSING, 1_000)
NOT_FOUND = Payment(PaymentStatus.NOT_FOUND)

# state, what the bank says, when it was asked, and what follows: the step on record, or "" for none.
TABLE = [
    (REQUESTED, PROCESSING, BEFORE, ""),
    (REQUESTED, NOT_FOUND, BEFORE, ""),
    (REQUESTED, NOT_FOUND, AFTER, ""),
    (REQUESTED, PAID, BEFORE, "contradicted"),
    (REQUESTED, PAID_LESS, BEFORE, "contradicted"),
    (REQUESTED, REFUSED, BEFORE, "contradicted"),
    (REQUESTED, REFUSED_MORE, BEFORE, "contradicted"),
    (REQUESTED, REFUSED_SILENTLY, BEFORE, "contradicted"),
    (SUBMITTED, PROCESSING, BEFORE, ""),
    (SUBMITTED, NOT_FOUND, BEFORE, "doubted"),
    (SUBMITTED, NOT_FOUND, AFTER, "failed NOT_TAKEN"),
    (SUBMITTED, PAID, BEFORE, "succeeded"),
    (SUBMITTED, PAID_LESS, BEFORE, "contradicted"),
    (SUBMITTED, REFUSED, BEFORE, "failed NAME_DIFFERS"),
    (SUBMITTED, REFUSED_MORE, BEFORE, "contradicted"),
    (SUBMITTED, REFUSED_SILENTLY, BEFORE, "failed OTHER"),
    (UNKNOWN, PROCESSING, BEFORE, ""),
    (UNKNOWN, NOT_FOUND, BEFORE, ""),
    (UNKNOWN, NOT_FOUND, AFTER, "failed NOT_TAKEN"),
    (UNKNOWN, PAID, AFTER, "succeeded"),
    (UNKNOWN, PAID_LESS, AFTER, "contradicted"),
    (UNKNOWN, REFUSED, AFTER, "failed NAME_DIFFERS"),
    (UNKNOWN, REFUSED_MORE, AFTER, "contradicted"),
    (UNKNOWN, REFUSED_SILENTLY, AFTER, "failed OTHER"),
    (SUCCEEDED, PROCESSING, AFTER, ""),
    (SUCCEEDED, NOT_FOUND, AFTER, "contradicted"),
    (SUCCEEDED, PAID, AFTER, ""),
    (SUCCEEDED, PAID_LESS, AFTER, "contradicted"),
    (SUCCEEDED, REFUSED, AFTER, "contradicted"),
    (SUCCEEDED, REFUSED_MORE, AFTER, "contradicted"),
    (SUCCEEDED, REFUSED_SILENTLY, AFTER, "contradicted"),
    (FAILED, PROCESSING, AFTER, ""),
    (FAILED, NOT_FOUND, AFTER, ""),
    (FAILED, PAID, AFTER, "contradicted"),
    (FAILED, PAID_LESS, AFTER, "contradicted"),
    (FAILED, REFUSED, AFTER, ""),
    (FAILED, REFUSED_MORE, AFTER, "contradicted"),
    (FAILED, REFUSED_SILENTLY, AFTER, ""),
]


@pytest.mark.parametrize(("state", "payment", "asked_ms", "expected"), TABLE)
def test_the_banks_word_has_one_effect(
    state: WithdrawalState, payment: Payment, asked_ms: int, expected: str
) -> None:
    withdrawal = Withdrawal(ORDER, 0, state, order_ends_ms=100, cut_off_ms=CUT_OFF_MS)
    outcome = outcome_of(withdrawal, payment, asked_ms=asked_ms, kept_until_ms=1_000, shard=0)
    assert step_of(outcome.event) == expected
    assert bool(outcome.contradiction) == (expected == "contradicted")
    moves = outcome.event is not None and bool(outcome.event.transfers)
    assert moves == expected.startswith(("succeeded", "failed"))


def test_the_table_has_every_state_and_every_word() -> None:
    words = {(state, payment.status) for state, payment, _, _ in TABLE}
    assert words == set(product(WithdrawalState, PaymentStatus))


@pytest.mark.parametrize("state", WithdrawalState)
def test_silence_makes_only_a_sent_order_doubtful(state: WithdrawalState) -> None:
    outcome = silent(Withdrawal(ORDER, 0, state))
    assert step_of(outcome.event) == ("doubted" if state is SUBMITTED else "")


def test_a_second_contradiction_is_told_and_leaves_no_record() -> None:
    withdrawal = replace(Withdrawal(ORDER, 0, FAILED), contradiction="it said so before")
    outcome = outcome_of(withdrawal, PAID, asked_ms=AFTER, kept_until_ms=1_000, shard=0)
    assert outcome.contradiction
    assert outcome.event is None


def step_of(event: pb.SettlementEvent | None) -> str:
    if event is None:
        return ""
    step = event.withdrawal.WhichOneof("step")
    assert step is not None
    if step != "failed":
        return step
    return f"failed {WithdrawalFailure(event.withdrawal.failed.failure).name}"
