"""Erasure and export behind the gateway's contract."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from hongbao.gateway.v1 import privacy_pb2 as gateway_pb2
from hongbao.identity.v1 import privacy_pb2 as identity_pb2
from hongbao.identity.v1.privacy_pb2_grpc import PrivacyServiceStub
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.adapters.retelling import asked
from services.mesh.language import LANGUAGE_KEY

_SERVICE = "identity"


class PrivacyClient:
    """`Privacy` of identity. Raises its errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def request_erasure(self, request: Message, language: str) -> Message:
        """See `Privacy.request_erasure`."""
        wanted = asked(identity_pb2.RequestErasureRequest, request)
        answer = await self._call("RequestErasure", wanted, language)
        return gateway_pb2.RequestErasureResponse(erasure=_erasure(answer.erasure))

    async def get_erasure(self, request: Message, language: str) -> Message:
        """See `Privacy.get_erasure`."""
        wanted = asked(identity_pb2.GetErasureRequest, request)
        answer = await self._call("GetErasure", wanted, language)
        return gateway_pb2.GetErasureResponse(erasure=_erasure(answer.erasure))

    async def export_personal_data(self, request: Message, language: str) -> Message:
        """See `Privacy.export_personal_data`."""
        wanted = asked(identity_pb2.ExportPersonalDataRequest, request)
        answer = await self._call("ExportPersonalData", wanted, language)
        return gateway_pb2.ExportPersonalDataResponse(document_json=answer.document_json)

    async def _call(self, method: str, request: Message, language: str) -> Any:
        metadata = ((LANGUAGE_KEY, language),) if language else ()
        return await self._forwarding.to_member(
            _SERVICE,
            lambda channel, timeout_s: getattr(PrivacyServiceStub(channel), method)(
                request, timeout=timeout_s, metadata=metadata
            ),
        )


def _erasure(erasure: identity_pb2.Erasure) -> gateway_pb2.Erasure:
    return gateway_pb2.Erasure(
        requested_at=erasure.requested_at,
        removed=[
            gateway_pb2.RemovedData(
                category=_category(removed.category), count=removed.count, removed_at=removed.removed_at
            )
            for removed in erasure.removed
        ],
        kept=map(_kept, erasure.kept),
        completed_at=erasure.completed_at if erasure.HasField("completed_at") else None,
    )


def _kept(kept: identity_pb2.KeptData) -> gateway_pb2.KeptData:
    return gateway_pb2.KeptData(
        category=_category(kept.category),
        reason=identity_pb2.KeepReason.Name(kept.reason).removeprefix("KEEP_REASON_"),
        sentence=kept.sentence,
        ends_at=kept.ends_at if kept.HasField("ends_at") else None,
    )


def _category(category: identity_pb2.DataCategory.ValueType) -> str:
    return identity_pb2.DataCategory.Name(category).removeprefix("DATA_CATEGORY_")
