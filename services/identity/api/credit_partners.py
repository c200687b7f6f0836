"""The contracts of merchants and lenders, and of their register, in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.identity.v1 import credit_partner_pb2 as pb
from hongbao.identity.v1.credit_partner_pb2_grpc import (
    CreditPartnerRegisterServiceServicer,
    CreditPartnerServiceServicer,
)
from services.identity.domain.credit.asking import Asking
from services.identity.domain.credit.loans import Loan, LoanState, Repayment
from services.identity.domain.credit.partners import Partner, PartnerId, PartnerKind, Scope
from services.identity.domain.credit.registering import Registering
from services.identity.domain.people import PersonId
from services.mesh.timestamps import milliseconds, timestamp


class CreditPartnerApi(CreditPartnerServiceServicer):
    """Serves `hongbao.identity.v1.CreditPartnerService`."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def QueryScore(self, request: pb.QueryScoreRequest, _context: Any) -> pb.QueryScoreResponse:
        """See the contract."""
        partner = await self._proven(request)
        query = await self._asking.query(
            partner, request.request_id, PersonId(request.person_id), Scope.SCORE
        )
        return pb.QueryScoreResponse(
            query_id=query.query_id, score=query.score, computed_at=timestamp(query.computed_ms)
        )

    async def QueryExposure(
        self, request: pb.QueryExposureRequest, _context: Any
    ) -> pb.QueryExposureResponse:
        """See the contract."""
        partner = await self._proven(request)
        query = await self._asking.query(
            partner, request.request_id, PersonId(request.person_id), Scope.EXPOSURE
        )
        owed = query.exposure
        assert owed is not None, "an answer has what is told"  # noqa: S101 - an invariant
        return pb.QueryExposureResponse(
            query_id=query.query_id,
            open_loans=owed.open_loans,
            owed_fen=owed.owed_fen,
            own_open_loans=owed.own_open_loans,
            own_owed_fen=owed.own_owed_fen,
            as_of_at=timestamp(query.asked_ms),
        )

    async def ReportLoan(self, request: pb.ReportLoanRequest, _context: Any) -> pb.ReportLoanResponse:
        """See the contract."""
        partner = await self._proven(request)
        loan = await self._asking.report(
            partner,
            request.loan_number,
            PersonId(request.person_id),
            request.principal_fen,
            milliseconds(request.due_at),
        )
        return pb.ReportLoanResponse(loan=_loan(loan))

    async def RepayLoan(self, request: pb.RepayLoanRequest, _context: Any) -> pb.RepayLoanResponse:
        """See the contract."""
        partner = await self._proven(request)
        repayment = Repayment(request.repayment_number, request.amount_fen)
        loan = await self._asking.repay(partner, request.loan_number, repayment)
        return pb.RepayLoanResponse(loan=_loan(loan))

    async def CloseLoan(self, request: pb.CloseLoanRequest, _context: Any) -> pb.CloseLoanResponse:
        """See the contract."""
        partner = await self._proven(request)
        loan = await self._asking.close(partner, request.loan_number, LoanState(request.state))
        return pb.CloseLoanResponse(loan=_loan(loan))

    async def _proven(self, request: Any) -> Partner:
        return await self._asking.proven(PartnerId(request.partner_id), request.partner_secret)


class CreditPartnerRegisterApi(CreditPartnerRegisterServiceServicer):
    """Serves `hongbao.identity.v1.CreditPartnerRegisterService`."""

    def __init__(self, registering: Registering) -> None:
        self._registering = registering

    async def RegisterPartner(
        self, request: pb.RegisterPartnerRequest, _context: Any
    ) -> pb.RegisterPartnerResponse:
        """See the contract."""
        registered = await self._registering.register(
            request.request_id, request.name, PartnerKind(request.kind)
        )
        return pb.RegisterPartnerResponse(
            partner=_partner(registered.partner), partner_secret=registered.partner_secret
        )

    async def ListPartners(self, request: pb.ListPartnersRequest, _context: Any) -> pb.ListPartnersResponse:
        """See the contract."""
        page = await self._registering.listed(request.page_size, request.page_token)
        partners = [_partner(partner) for partner in page.items]
        return pb.ListPartnersResponse(partners=partners, next_page_token=page.next_page_token)

    async def SuspendPartner(
        self, request: pb.SuspendPartnerRequest, _context: Any
    ) -> pb.SuspendPartnerResponse:
        """See the contract."""
        partner = await self._registering.suspend(PartnerId(request.partner_id), suspended=request.suspended)
        return pb.SuspendPartnerResponse(partner=_partner(partner))


def _partner(partner: Partner) -> pb.Partner:
    shown = pb.Partner(
        partner_id=partner.partner_id,
        name=partner.name,
        kind=pb.PartnerKind.ValueType(partner.kind),
        registered_at=timestamp(partner.registered_ms),
    )
    if partner.suspended_ms is not None:
        shown.suspended_at.CopyFrom(timestamp(partner.suspended_ms))
    return shown


def _loan(loan: Loan) -> pb.Loan:
    shown = pb.Loan(
        loan_number=loan.loan_number,
        principal_fen=loan.principal_fen,
        owed_fen=loan.owed_fen,
        state=pb.LoanState.ValueType(loan.state),
        reported_at=timestamp(loan.reported_ms),
        due_at=timestamp(loan.due_ms),
    )
    if loan.closed_ms is not None:
        shown.closed_at.CopyFrom(timestamp(loan.closed_ms))
    return shown
