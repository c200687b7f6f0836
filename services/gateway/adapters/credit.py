"""Credit behind the gateway's contract: identity's, with the caller as whom it is about."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import credit_pb2 as gateway_pb2
from hongbao.identity.v1 import credit_pb2 as identity_pb2
from hongbao.identity.v1.credit_pb2_grpc import CreditServiceStub
from services.gateway.adapters.forwarding import Forwarding
from services.mesh.language import Language

_SERVICE = "identity"


class CreditClient:
    """The caller's score and consents. Raises identity's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def get_score(self, person_id: int, language: Language) -> Any:
        """See `CreditService.GetScore`."""
        answer = await self._call("GetScore", identity_pb2.GetScoreRequest(person_id=person_id))
        return gateway_pb2.GetScoreResponse(score=_score(answer.score, language))

    async def list_scores(self, person_id: int, request: Any, language: Language) -> Any:
        """See `CreditService.ListScores`."""
        asked = identity_pb2.ListScoresRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListScores", asked)
        scores = [_score(score, language) for score in answer.scores]
        return gateway_pb2.ListScoresResponse(scores=scores, next_page_token=answer.next_page_token)

    async def grant_consent(self, person_id: int, request: Any) -> Any:
        """See `CreditService.GrantConsent`."""
        asked = identity_pb2.GrantConsentRequest(
            person_id=person_id,
            request_id=request.request_id,
            partner_id=request.partner_id,
            scopes=request.scopes,
            ends_at=request.ends_at,
        )
        answer = await self._call("GrantConsent", asked)
        return gateway_pb2.GrantConsentResponse(consent=_consent(answer.consent))

    async def withdraw_consent(self, person_id: int, request: Any) -> Any:
        """See `CreditService.WithdrawConsent`."""
        asked = identity_pb2.WithdrawConsentRequest(person_id=person_id, consent_id=request.consent_id)
        answer = await self._call("WithdrawConsent", asked)
        return gateway_pb2.WithdrawConsentResponse(consent=_consent(answer.consent))

    async def list_consents(self, person_id: int, request: Any) -> Any:
        """See `CreditService.ListConsents`."""
        asked = identity_pb2.ListConsentsRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListConsents", asked)
        consents = [_consent(consent) for consent in answer.consents]
        return gateway_pb2.ListConsentsResponse(consents=consents, next_page_token=answer.next_page_token)

    async def list_queries(self, person_id: int, request: Any) -> Any:
        """See `CreditService.ListQueries`."""
        asked = identity_pb2.ListQueriesRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._call("ListQueries", asked)
        queries = [_query(query) for query in answer.queries]
        return gateway_pb2.ListQueriesResponse(queries=queries, next_page_token=answer.next_page_token)

    async def _call(self, method: str, request: Any) -> Any:
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(CreditServiceStub(channel), method)(
                request, timeout=timeout_s
            ),
        )


def _score(found: identity_pb2.Score, language: Language) -> gateway_pb2.Score:
    return gateway_pb2.Score(
        score=found.score,
        version=found.version,
        computed_at=found.computed_at,
        factors=[
            gateway_pb2.ScoreFactor(
                factor=_factor(one.factor),
                name=_told(one.name, language),
                points=one.points,
                points_max=one.points_max,
                state=gateway_pb2.CreditFactorState.Value(identity_pb2.CreditFactorState.Name(one.state)),
            )
            for one in found.factors
        ],
        raises=[
            gateway_pb2.ScoreRaise(
                kind=identity_pb2.CreditRaise.Name(one.kind).removeprefix("CREDIT_RAISE_"),
                factor=_factor(one.factor),
                points=one.points,
                sentence=_told(one.sentence, language),
            )
            for one in found.raises
        ],
    )


def _factor(factor: identity_pb2.CreditFactor.ValueType) -> gateway_pb2.CreditFactor.ValueType:
    return gateway_pb2.CreditFactor.Value(identity_pb2.CreditFactor.Name(factor))


def _told(sentence: identity_pb2.Sentence, language: Language) -> str:
    return sentence.english if language is Language.ENGLISH else sentence.chinese


def _consent(found: identity_pb2.Consent) -> gateway_pb2.Consent:
    return gateway_pb2.Consent(
        consent_id=found.consent_id,
        partner_id=found.partner_id,
        partner_name=found.partner_name,
        scopes=[_scope(scope) for scope in found.scopes],
        state=gateway_pb2.ConsentState.Value(identity_pb2.ConsentState.Name(found.state)),
        granted_at=found.granted_at,
        ends_at=found.ends_at,
        withdrawn_at=found.withdrawn_at if found.HasField("withdrawn_at") else None,
    )


def _query(found: identity_pb2.Query) -> gateway_pb2.Query:
    return gateway_pb2.Query(
        partner_id=found.partner_id,
        partner_name=found.partner_name,
        scope=_scope(found.scope),
        outcome=gateway_pb2.QueryOutcome.Value(identity_pb2.QueryOutcome.Name(found.outcome)),
        asked_at=found.asked_at,
        score=found.score,
    )


def _scope(scope: identity_pb2.ConsentScope.ValueType) -> gateway_pb2.ConsentScope.ValueType:
    return gateway_pb2.ConsentScope.Value(identity_pb2.ConsentScope.Name(scope))
