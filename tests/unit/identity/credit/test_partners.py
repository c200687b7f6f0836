"""Consents and what they allow; loans and what they may become."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.domain.credit.errors import (
    ConsentEndInvalid,
    ConsentMissing,
    LoanClosed,
    LoanOverpaid,
    PartnerNotLender,
    PartnerSuspended,
)
from services.identity.domain.credit.loans import Loan, LoanState
from services.identity.domain.credit.partners import (
    Consent,
    ConsentId,
    ConsentRules,
    ConsentState,
    Outcome,
    Partner,
    PartnerId,
    PartnerKind,
    Scope,
    day_left_ms,
    day_number,
    outcome_of,
    refuse,
)
from services.identity.domain.credit.signals import DAY_MS
from services.identity.domain.people import PersonId, StoredSecret
from services.mesh.errors import ServiceError
from tests.unit.identity.credit.world import NOW_MS

LENDER = Partner(PartnerId(7), "小额贷款", PartnerKind.LENDER, StoredSecret(b"", b""), 1)
MERCHANT = replace(LENDER, kind=PartnerKind.MERCHANT)
SCORE = Consent(ConsentId(9), PersonId(1), PartnerId(7), "小额贷款", frozenset({Scope.SCORE}), 100, 200)
BOTH = replace(SCORE, scopes=frozenset(Scope))


@pytest.mark.parametrize(
    ("partner", "scope", "consents", "now_ms", "outcome"),
    [
        (LENDER, Scope.SCORE, (SCORE,), 100, Outcome.ANSWERED),
        (LENDER, Scope.SCORE, (SCORE,), 199, Outcome.ANSWERED),
        (LENDER, Scope.SCORE, (SCORE,), 200, Outcome.CONSENT_MISSING),
        (LENDER, Scope.SCORE, (SCORE.withdrawn(150),), 160, Outcome.CONSENT_MISSING),
        (LENDER, Scope.SCORE, (), 100, Outcome.CONSENT_MISSING),
        (LENDER, Scope.EXPOSURE, (SCORE,), 100, Outcome.CONSENT_MISSING),
        (LENDER, Scope.EXPOSURE, (SCORE, BOTH), 100, Outcome.ANSWERED),
        (MERCHANT, Scope.EXPOSURE, (BOTH,), 100, Outcome.PARTNER_NOT_LENDER),
        (replace(LENDER, suspended_ms=5), Scope.SCORE, (BOTH,), 100, Outcome.PARTNER_SUSPENDED),
    ],
)
def test_a_question_is_answered_with_consent_and_else_refused(
    partner: Partner, scope: Scope, consents: tuple[Consent, ...], now_ms: int, outcome: Outcome
) -> None:
    assert outcome_of(partner, scope, consents, now_ms) is outcome


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        (Outcome.CONSENT_MISSING, ConsentMissing),
        (Outcome.PARTNER_SUSPENDED, PartnerSuspended),
        (Outcome.PARTNER_NOT_LENDER, PartnerNotLender),
    ],
)
def test_every_refusal_has_an_error_of_its_own(outcome: Outcome, error: type[ServiceError]) -> None:
    refuse(Outcome.ANSWERED, 7, 1, Scope.SCORE)
    with pytest.raises(error):
        refuse(outcome, 7, 1, Scope.SCORE)


def test_a_consent_that_is_over_is_not_withdrawn() -> None:
    assert SCORE.withdrawn(200) == SCORE
    assert SCORE.state(200) is ConsentState.ENDED
    withdrawn = SCORE.withdrawn(150)
    assert withdrawn.state(300) is ConsentState.WITHDRAWN
    assert withdrawn.withdrawn(160) == withdrawn


@pytest.mark.parametrize(
    ("ends_ms", "is_taken"), [(0, False), (1, True), (DAY_MS, True), (DAY_MS + 1, False)]
)
def test_a_consent_ends_in_the_future_and_not_too_late(ends_ms: int, *, is_taken: bool) -> None:
    rules = ConsentRules(open_max=1, days_max=1)
    if is_taken:
        rules.check_end(NOW_MS, NOW_MS + ends_ms)
    else:
        with pytest.raises(ConsentEndInvalid):
            rules.check_end(NOW_MS, NOW_MS + ends_ms)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 4 * 10**12))
def test_a_day_in_beijing_ends_when_the_next_begins(now_ms: int) -> None:
    left_ms = day_left_ms(now_ms)
    assert 0 < left_ms <= DAY_MS
    assert day_number(now_ms + left_ms - 1) == day_number(now_ms) == day_number(now_ms + left_ms) - 1


LOAN = Loan(PartnerId(7), "2016-1", PersonId(1), 1_000, 1_000, due_ms=500, reported_ms=100)


def test_the_last_repayment_closes_a_loan() -> None:
    part = LOAN.repaid(999, 200)
    assert (part.owed_fen, part.state, part.closed_ms) == (1, LoanState.OPEN, None)
    whole = part.repaid(1, 300)
    assert (whole.owed_fen, whole.state, whole.closed_ms) == (0, LoanState.REPAID, 300)
    with pytest.raises(LoanOverpaid):
        part.repaid(2, 300)
    for ended in (whole, part.closed(LoanState.LET_OFF, 300), part.closed(LoanState.WRITTEN_OFF, 300)):
        with pytest.raises(LoanClosed):
            ended.repaid(1, 400)


def test_a_loan_ends_once() -> None:
    lost = LOAN.closed(LoanState.WRITTEN_OFF, 300)
    assert lost.closed(LoanState.WRITTEN_OFF, 400) == lost
    with pytest.raises(LoanClosed):
        lost.closed(LoanState.LET_OFF, 400)
    with pytest.raises(LoanClosed):
        LOAN.repaid(1_000, 300).closed(LoanState.LET_OFF, 400)
    assert lost.owed_fen == 1_000, "what is lost stays told"
