"""The contract of verification step by step in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any, Final

from hongbao.identity.v1 import verification_pb2 as pb
from hongbao.identity.v1.verification_pb2_grpc import VerificationServiceServicer
from services.identity.api.accounts import tier_shown
from services.identity.api.languages import language_asked
from services.identity.domain import guidance, pages
from services.identity.domain.people import Account, AccountId, Tier
from services.identity.domain.verifying.application import Application, State, VerificationId
from services.identity.domain.verifying.checks import CheckResult, Reference
from services.identity.domain.verifying.photos import PhotoType
from services.identity.domain.verifying.ports import Standing
from services.identity.domain.verifying.steps import Step, StepKind
from services.identity.domain.verifying.verifying import Asking, Verifying
from services.mesh.clock import Clock
from services.mesh.interceptors.deadline import remaining_s
from services.mesh.language import Language
from services.mesh.pages import Listing
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import timestamp, timestamp_or_none

_ANSWER_S: Final = 0.25
"""Time that is kept for the answer when a call waits, seconds."""


class VerificationApi(VerificationServiceServicer):
    """Serves `hongbao.identity.v1.VerificationService`."""

    def __init__(self, verifying: Verifying, clock: Clock) -> None:
        self._verifying = verifying
        self._clock = clock

    async def StartVerification(
        self, request: pb.StartVerificationRequest, context: Any
    ) -> pb.StartVerificationResponse:
        """See the contract."""
        asking = _asking(request, context)
        standing = await self._verifying.start(asking, Tier(request.level))
        return pb.StartVerificationResponse(verification=_shown(standing, asking.language))

    async def PutNameAndNumber(
        self, request: pb.PutNameAndNumberRequest, context: Any
    ) -> pb.PutNameAndNumberResponse:
        """See the contract."""
        asking = _asking(request, context)
        standing = await self._verifying.put_name_and_number(
            asking, VerificationId(request.verification_id), request.name, request.resident_id
        )
        return pb.PutNameAndNumberResponse(verification=_shown(standing, asking.language))

    async def PutPhoto(self, request: pb.PutPhotoRequest, context: Any) -> pb.PutPhotoResponse:
        """See the contract."""
        asking = _asking(request, context)
        standing = await self._verifying.put_photo(
            asking,
            VerificationId(request.verification_id),
            StepKind(request.kind),
            PhotoType(request.type),
            request.photo,
        )
        return pb.PutPhotoResponse(verification=_shown(standing, asking.language))

    async def PutBankCard(self, request: pb.PutBankCardRequest, context: Any) -> pb.PutBankCardResponse:
        """See the contract."""
        asking = _asking(request, context)
        standing = await self._verifying.put_bank_card(
            asking, VerificationId(request.verification_id), request.card_number, request.phone
        )
        return pb.PutBankCardResponse(verification=_shown(standing, asking.language))

    async def SubmitVerification(
        self, request: pb.SubmitVerificationRequest, context: Any
    ) -> pb.SubmitVerificationResponse:
        """See the contract."""
        asking = _asking(request, context)
        standing = await self._verifying.submit(asking, VerificationId(request.verification_id))
        return pb.SubmitVerificationResponse(verification=_shown(standing, asking.language))

    async def GetVerification(
        self, request: pb.GetVerificationRequest, context: Any
    ) -> pb.GetVerificationResponse:
        """See the contract."""
        asking, left_s = _asking(request, context), remaining_s(self._clock)
        wait_s = request.wait_ms / 1000
        standing = await self._verifying.get_beyond(
            asking,
            VerificationId(request.verification_id),
            request.known_version,
            wait_s if left_s is None else min(wait_s, left_s - _ANSWER_S),
            self._clock.monotonic_s,
        )
        return pb.GetVerificationResponse(verification=_shown(standing, asking.language))

    async def ListVerifications(
        self, request: pb.ListVerificationsRequest, context: Any
    ) -> pb.ListVerificationsResponse:
        """See the contract."""
        asking = _asking(request, context)
        of_list = Listing("verifications", request.account_id)
        before_ms, before = pages.last_of(of_list, request.page_token, 2) or (0, None)
        limit = request.page_size or pages.PAGE_ITEMS_DEFAULT
        last = None if before is None else VerificationId(before)
        found = await self._verifying.listed(asking, last, before_ms, limit + 1)
        token = ""
        if len(found) > limit:
            end = found[limit - 1].application
            token = of_list.token(end.started_ms, end.verification_id)
        return pb.ListVerificationsResponse(
            verifications=[_shown(standing, asking.language) for standing in found[:limit]],
            next_page_token=token,
        )

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> pb.ListAccountsResponse:
        """See the contract."""
        asking = _asking(request, context)
        of_list = Listing("accounts", request.account_id)
        (after,) = pages.last_of(of_list, request.page_token, 1) or (0,)
        limit = request.page_size or pages.PAGE_ITEMS_DEFAULT
        found = await self._verifying.accounts(asking, after, limit + 1)
        more = len(found) > limit
        return pb.ListAccountsResponse(
            accounts=[_own(account, asking.account_id) for account in found[:limit]],
            next_page_token=of_list.token(found[limit - 1].account_id) if more else "",
        )

    async def ReportCheck(self, request: pb.ReportCheckRequest, _context: Any) -> pb.ReportCheckResponse:
        """See the contract."""
        told = await self._verifying.report(
            Reference(request.provider_reference), CheckResult(request.result), traceparent()
        )
        return pb.ReportCheckResponse(first=told.first, counted=told.counted)


def _asking(request: Any, context: Any) -> Asking:
    return Asking(AccountId(request.account_id), request.login_secret, language_asked(context))


def _shown(standing: Standing, language: Language) -> pb.Verification:
    application, holder = standing.application, standing.holder
    return pb.Verification(
        verification_id=application.verification_id,
        account_id=application.account_id,
        level=tier_shown(application.level),
        state=pb.VerificationState.ValueType(application.state),
        steps=[_step(step, application, language) for step in application.steps],
        version=application.version,
        submissions_left=application.submissions_left,
        started_at=timestamp(application.started_ms),
        submitted_at=timestamp_or_none(application.submitted_ms or 0),
        ended_at=timestamp_or_none(application.ended_ms or 0),
        person_id=0 if holder is None else holder.person_id,
        tier=tier_shown(Tier.NONE if holder is None else holder.tier),
    )


def _step(step: Step, application: Application, language: Language) -> pb.VerificationStep:
    is_over = application.state is State.VERIFIED
    return pb.VerificationStep(
        kind=pb.VerificationStepKind.ValueType(step.kind),
        ordinal=step.ordinal,
        state=pb.VerificationStepState.ValueType(step.state),
        reason=step.reason,
        failed_step=step.failed_step,
        next_step=guidance.advice(step.reason, step.failed_step)[language]
        if step.reason and not is_over
        else "",
        case_number=step.case_number,
        given_masked=step.masked,
        changed_at=timestamp_or_none(step.changed_ms),
    )


def _own(account: Account, asking_id: AccountId) -> pb.OwnAccount:
    return pb.OwnAccount(
        account_id=account.account_id,
        phone_masked=account.phone_masked,
        registered_at=timestamp(account.registered_ms),
        verified_at=timestamp_or_none(account.verified_ms or 0),
        asking=account.account_id == asking_id,
    )
