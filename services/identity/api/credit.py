"""The contract of scores and consents in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from hongbao.identity.v1 import credit_pb2
from hongbao.identity.v1.credit_pb2_grpc import CreditServiceServicer
from services.identity.domain.credit.consenting import Consenting
from services.identity.domain.credit.partners import Consent, ConsentId, PartnerId, Query, Scope
from services.identity.domain.credit.ports import Conduct
from services.identity.domain.credit.raises import Gain
from services.identity.domain.credit.score import Explained, FactorPoints, Score
from services.identity.domain.credit.scoring import Scoring
from services.identity.domain.credit.sentences import FACTOR_NAMES, RAISE_SENTENCES
from services.identity.domain.people import PersonId
from services.mesh.language import Language
from services.mesh.timestamps import milliseconds, timestamp


class CreditApi(CreditServiceServicer):
    """Serves `hongbao.identity.v1.CreditService`."""

    def __init__(self, scoring: Scoring, consenting: Consenting) -> None:
        self._scoring = scoring
        self._consenting = consenting

    async def CheckScores(
        self, request: credit_pb2.CheckScoresRequest, _context: Any
    ) -> credit_pb2.CheckScoresResponse:
        """See the contract."""
        people = dict.fromkeys(map(PersonId, request.person_ids))
        found = await asyncio.gather(*map(self._scoring.check, people))
        told = {person: _explained(one) for person, one in zip(people, found, strict=True)}
        return credit_pb2.CheckScoresResponse(scores=[told[PersonId(one)] for one in request.person_ids])

    async def GetScore(
        self, request: credit_pb2.GetScoreRequest, _context: Any
    ) -> credit_pb2.GetScoreResponse:
        """See the contract."""
        found = await self._scoring.get(PersonId(request.person_id))
        return credit_pb2.GetScoreResponse(score=_explained(found))

    async def ListScores(
        self, request: credit_pb2.ListScoresRequest, _context: Any
    ) -> credit_pb2.ListScoresResponse:
        """See the contract."""
        page = await self._scoring.listed(PersonId(request.person_id), request.page_size, request.page_token)
        scores = [_score(score) for score in page.items]
        return credit_pb2.ListScoresResponse(scores=scores, next_page_token=page.next_page_token)

    async def GrantConsent(
        self, request: credit_pb2.GrantConsentRequest, _context: Any
    ) -> credit_pb2.GrantConsentResponse:
        """See the contract."""
        consent = await self._consenting.grant(
            PersonId(request.person_id),
            request.request_id,
            PartnerId(request.partner_id),
            frozenset(map(Scope, request.scopes)),
            milliseconds(request.ends_at),
        )
        return credit_pb2.GrantConsentResponse(consent=self._consent(consent))

    async def WithdrawConsent(
        self, request: credit_pb2.WithdrawConsentRequest, _context: Any
    ) -> credit_pb2.WithdrawConsentResponse:
        """See the contract."""
        consent = await self._consenting.withdraw(PersonId(request.person_id), ConsentId(request.consent_id))
        return credit_pb2.WithdrawConsentResponse(consent=self._consent(consent))

    async def ListConsents(
        self, request: credit_pb2.ListConsentsRequest, _context: Any
    ) -> credit_pb2.ListConsentsResponse:
        """See the contract."""
        page = await self._consenting.listed(
            PersonId(request.person_id), request.page_size, request.page_token
        )
        consents = [self._consent(consent) for consent in page.items]
        return credit_pb2.ListConsentsResponse(consents=consents, next_page_token=page.next_page_token)

    async def ListQueries(
        self, request: credit_pb2.ListQueriesRequest, _context: Any
    ) -> credit_pb2.ListQueriesResponse:
        """See the contract."""
        page = await self._consenting.queries(
            PersonId(request.person_id), request.page_size, request.page_token
        )
        queries = [_query(query) for query in page.items]
        return credit_pb2.ListQueriesResponse(queries=queries, next_page_token=page.next_page_token)

    async def ReportConduct(
        self, request: credit_pb2.ReportConductRequest, _context: Any
    ) -> credit_pb2.ReportConductResponse:
        """See the contract."""
        person_id = PersonId(request.person_id)
        await self._scoring.report(
            Conduct(request.conduct_id, person_id, int(request.kind), milliseconds(request.judged_at))
        )
        return credit_pb2.ReportConductResponse()

    def _consent(self, consent: Consent) -> credit_pb2.Consent:
        shown = credit_pb2.Consent(
            consent_id=consent.consent_id,
            partner_id=consent.partner_id,
            partner_name=consent.partner_name,
            scopes=_scopes(consent.scopes),
            state=credit_pb2.ConsentState.ValueType(consent.state(self._consenting.now_ms())),
            granted_at=timestamp(consent.granted_ms),
            ends_at=timestamp(consent.ends_ms),
        )
        if consent.withdrawn_ms is not None:
            shown.withdrawn_at.CopyFrom(timestamp(consent.withdrawn_ms))
        return shown


def _explained(found: Explained) -> credit_pb2.Score:
    shown = _score(found.score)
    shown.is_known = found.is_known
    shown.raises.extend(map(_raise, found.gains))
    return shown


def _score(score: Score) -> credit_pb2.Score:
    return credit_pb2.Score(
        person_id=score.person_id,
        score=score.score,
        is_known=True,
        version=score.version,
        rules_version=score.rules_version,
        computed_at=timestamp(score.computed_ms),
        factors=map(_factor, score.factors),
    )


def _factor(added: FactorPoints) -> credit_pb2.ScoreFactor:
    shown = credit_pb2.ScoreFactor(
        factor=credit_pb2.CreditFactor.ValueType(added.factor),
        points=added.points,
        points_max=added.points_max,
        state=credit_pb2.CreditFactorState.ValueType(added.state),
        name=_sentence(FACTOR_NAMES[added.factor]),
    )
    if added.as_of_ms is not None:
        shown.as_of_at.CopyFrom(timestamp(added.as_of_ms))
    return shown


def _raise(gain: Gain) -> credit_pb2.ScoreRaise:
    return credit_pb2.ScoreRaise(
        kind=credit_pb2.CreditRaise.ValueType(gain.by),
        factor=credit_pb2.CreditFactor.ValueType(gain.factor),
        points=gain.points,
        sentence=_sentence(RAISE_SENTENCES[gain.by]),
    )


def _query(query: Query) -> credit_pb2.Query:
    return credit_pb2.Query(
        query_id=query.query_id,
        partner_id=query.partner_id,
        partner_name=query.partner_name,
        scope=credit_pb2.ConsentScope.ValueType(query.scope),
        outcome=credit_pb2.QueryOutcome.ValueType(query.outcome),
        asked_at=timestamp(query.asked_ms),
        score=query.score,
    )


def _scopes(scopes: Iterable[Scope]) -> list[credit_pb2.ConsentScope.ValueType]:
    return [credit_pb2.ConsentScope.ValueType(scope) for scope in sorted(scopes)]


def _sentence(sentences: Mapping[str, str]) -> credit_pb2.Sentence:
    return credit_pb2.Sentence(chinese=sentences[Language.CHINESE], english=sentences[Language.ENGLISH])
