"""What partners do: prove themselves, ask, and report loans."""

from __future__ import annotations

from services.identity.domain import secret
from services.identity.domain.credit.errors import PartnerSecretWrong, PartnerUnknown
from services.identity.domain.credit.loans import Loan, LoanState, Repayment
from services.identity.domain.credit.partners import (
    Outcome,
    Partner,
    PartnerId,
    Query,
    QueryId,
    Scope,
    may_be_asked,
    outcome_of,
    refuse,
)
from services.identity.domain.credit.ports import Asked, LoanStore, PartnerStore, QueryStore
from services.identity.domain.credit.score import Score
from services.identity.domain.credit.scoring import Scoring
from services.identity.domain.people import PersonId
from services.identity.domain.ports import DrawBits, WallClock
from services.identity.domain.registration import draw_id


class Asking:
    """Answers partners."""

    def __init__(
        self,
        partners: PartnerStore,
        queries: QueryStore,
        loans: LoanStore,
        scoring: Scoring,
        clock: WallClock,
        draw_bits: DrawBits,
        *,
        queries_max: int,
        loans_max: int,
    ) -> None:
        self._partners = partners
        self._queries = queries
        self._loans = loans
        self._scoring = scoring
        self._clock = clock
        self._draw_bits = draw_bits
        self._queries_max = queries_max
        self._loans_max = loans_max

    async def proven(self, partner_id: PartnerId, partner_secret: str) -> Partner:
        """The partner that has this secret. Raises `PartnerUnknown`, `PartnerSecretWrong`."""
        partner = await self._partners.find(partner_id)
        if partner is None:
            raise PartnerUnknown(partner_id=partner_id)
        if not secret.matches(partner_secret, partner.secret):
            raise PartnerSecretWrong(partner_id=partner_id)
        if not partner.secret_was_used:
            await self._partners.use_secret(partner_id)
        return partner

    async def query(self, partner: Partner, request_id: str, person_id: PersonId, scope: Scope) -> Query:
        """Answers a question that stands on record from then on, refused or not.

        Raises `RequestIdReused`, `QueryLimitReached`, `PartnerSuspended`, `PartnerNotLender`,
        `ConsentMissing`.
        """
        now_ms = self._clock.now_ms()
        query_id = QueryId(draw_id(self._draw_bits))
        asked = Asked(query_id, request_id, partner, person_id, scope, now_ms)
        query = await self._queries.earlier(asked)
        if query is None:
            query = await self._queries.record(asked, await self._score(asked), self._queries_max)
        refuse(query.outcome, partner.partner_id, person_id, scope)
        return query

    async def report(
        self, partner: Partner, loan_number: str, person_id: PersonId, principal_fen: int, due_ms: int
    ) -> Loan:
        """Puts a loan on record.

        Raises `PartnerSuspended`, `PartnerNotLender`, `ConsentMissing`, `LoanConflict`, `LoanLimitReached`.
        """
        outcome = may_be_asked(partner, Scope.EXPOSURE)
        refuse(outcome, partner.partner_id, person_id, Scope.EXPOSURE)
        now_ms = self._clock.now_ms()
        loan = Loan(partner.partner_id, loan_number, person_id, principal_fen, principal_fen, due_ms, now_ms)
        return await self._loans.report(partner, loan, self._loans_max)

    async def repay(self, partner: Partner, loan_number: str, repayment: Repayment) -> Loan:
        """Tells of a repayment.

        Raises `LoanUnknown`, `RepaymentConflict`, `LoanClosed`, `LoanOverpaid`.
        """
        now_ms = self._clock.now_ms()
        return await self._loans.repay(
            partner.partner_id,
            loan_number,
            repayment,
            lambda loan: loan.repaid(repayment.amount_fen, now_ms),
            now_ms,
        )

    async def close(self, partner: Partner, loan_number: str, state: LoanState) -> Loan:
        """Tells that the rest is given up. Raises `LoanUnknown`, `LoanClosed`."""
        now_ms = self._clock.now_ms()
        return await self._loans.change(
            partner.partner_id, loan_number, lambda loan: loan.closed(state, now_ms)
        )

    async def _score(self, asked: Asked) -> Score | None:
        """The score, where it is asked for with consent: nobody else makes others be asked for signals."""
        if asked.scope is not Scope.SCORE:
            return None
        consents = await self._queries.consents(asked.partner.partner_id, asked.person_id, asked.now_ms)
        if outcome_of(asked.partner, asked.scope, consents, asked.now_ms) is not Outcome.ANSWERED:
            return None
        found = await self._scoring.check(asked.person_id)
        return found.score if found.is_known else None
