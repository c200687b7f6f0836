"""What people may ask about their own data, for people who prove themselves with their login secret."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import privacy_pb2_grpc
from services.gateway.api.callers import header_of
from services.gateway.domain.bulkhead import Bulkhead
from services.gateway.domain.privacy import Privacy
from services.mesh.language import LANGUAGE_KEY


class PrivacyServicer(privacy_pb2_grpc.PrivacyServiceServicer):
    """Erases accounts, and shows what is kept of them."""

    def __init__(self, privacy: Privacy, others: Bulkhead) -> None:
        self._privacy = privacy
        self._others = others

    async def RequestErasure(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._privacy.request_erasure(request, header_of(context, LANGUAGE_KEY))

    async def GetErasure(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._privacy.get_erasure(request, header_of(context, LANGUAGE_KEY))

    async def ExportPersonalData(self, request: Any, context: Any) -> Any:
        """See the contract."""
        with self._others.entered():
            return await self._privacy.export_personal_data(request, header_of(context, LANGUAGE_KEY))
