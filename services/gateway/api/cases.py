"""What becomes of checks that failed, for people who prove themselves with their login secret."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import cases_pb2_grpc
from services.gateway.api.callers import header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.cases import Cases
from services.mesh.language import LANGUAGE_KEY


class CaseServicer(cases_pb2_grpc.CaseServiceServicer):
    """The cases of an account."""

    def __init__(self, cases: Cases, others: Bulkhead) -> None:
        self._cases = cases
        self._others = others

    async def GetCase(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._cases.get(request, header_of(context, LANGUAGE_KEY))

    async def ListCases(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._cases.list_of_account(request, header_of(context, LANGUAGE_KEY))

    async def AddToCase(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._cases.add(request, header_of(context, LANGUAGE_KEY))
