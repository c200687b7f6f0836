"""The caller's credit score, and who may ask for it."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import credit_pb2_grpc
from services.gateway.api.callers import caller_of, header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.credit import Credit
from services.gateway.domain.ports import Tokens
from services.mesh.language import LANGUAGE_KEY, language_of


class CreditServicer(credit_pb2_grpc.CreditServiceServicer):
    """The caller's credit score, consents, and the queries about the caller."""

    def __init__(self, tokens: Tokens, credit: Credit, limit: Bulkhead) -> None:
        self._tokens = tokens
        self._credit = credit
        self._limit = limit

    async def GetScore(self, request: Any, context: Any) -> Any:  # noqa: ARG002 - the token says whose
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._credit.get_score(
                caller.person_id, language_of(header_of(context, LANGUAGE_KEY))
            )

    async def ListScores(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._credit.list_scores(
                caller.person_id, request, language_of(header_of(context, LANGUAGE_KEY))
            )

    async def GrantConsent(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._credit.grant_consent(caller.person_id, request)

    async def WithdrawConsent(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._credit.withdraw_consent(caller.person_id, request)

    async def ListConsents(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._credit.list_consents(caller.person_id, request)

    async def ListQueries(self, request: Any, context: Any) -> Any:
        """See the contract."""
        caller = await caller_of(context, self._tokens)
        with self._limit.entered():
            return await self._credit.list_queries(caller.person_id, request)
