"""The contracts of erasure and of master keys in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

import json
from typing import Any

from hongbao.identity.v1 import privacy_pb2
from hongbao.identity.v1.privacy_pb2_grpc import KeyServiceServicer, PrivacyServiceServicer
from services.identity.api.languages import language_asked
from services.identity.domain.people import AccountId
from services.identity.domain.privacy.erasures import SENTENCES, Erasure, Kept, Removed
from services.identity.domain.privacy.privacy import Privacy
from services.mesh.keys.contract import KeyStatuses, key_message
from services.mesh.language import Language
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import timestamp


class PrivacyApi(PrivacyServiceServicer):
    """Serves `hongbao.identity.v1.PrivacyService`."""

    def __init__(self, privacy: Privacy) -> None:
        self._privacy = privacy

    async def RequestErasure(
        self, request: privacy_pb2.RequestErasureRequest, context: Any
    ) -> privacy_pb2.RequestErasureResponse:
        """See the contract."""
        account_id = AccountId(request.account_id)
        erasure = await self._privacy.erase(account_id, request.login_secret, traceparent())
        return privacy_pb2.RequestErasureResponse(erasure=_erasure(erasure, language_asked(context)))

    async def GetErasure(
        self, request: privacy_pb2.GetErasureRequest, context: Any
    ) -> privacy_pb2.GetErasureResponse:
        """See the contract."""
        erasure = await self._privacy.erasure(AccountId(request.account_id), request.login_secret)
        return privacy_pb2.GetErasureResponse(erasure=_erasure(erasure, language_asked(context)))

    async def ExportPersonalData(
        self, request: privacy_pb2.ExportPersonalDataRequest, _context: Any
    ) -> privacy_pb2.ExportPersonalDataResponse:
        """See the contract."""
        document = await self._privacy.export(AccountId(request.account_id), request.login_secret)
        return privacy_pb2.ExportPersonalDataResponse(document_json=json.dumps(document, ensure_ascii=False))


class KeyApi(KeyServiceServicer):
    """Serves `hongbao.identity.v1.KeyService`."""

    def __init__(self, keys: KeyStatuses) -> None:
        self._keys = keys

    async def ListMasterKeys(
        self, _request: privacy_pb2.ListMasterKeysRequest, _context: Any
    ) -> privacy_pb2.ListMasterKeysResponse:
        """See the contract."""
        told = [key_message(privacy_pb2.MasterKeyStatus, status) for status in await self._keys.status()]
        return privacy_pb2.ListMasterKeysResponse(keys=told)


def _erasure(erasure: Erasure, language: Language) -> privacy_pb2.Erasure:
    told = privacy_pb2.Erasure(
        account_id=erasure.account_id,
        requested_at=timestamp(erasure.requested_ms),
        removed=map(_removed, erasure.all_removed),
        kept=[_kept(kept, language) for kept in erasure.kept],
    )
    if erasure.completed_ms is not None:
        told.completed_at.CopyFrom(timestamp(erasure.completed_ms))
    return told


def _removed(removed: Removed) -> privacy_pb2.RemovedData:
    return privacy_pb2.RemovedData(
        category=privacy_pb2.DataCategory.ValueType(removed.category),
        count=removed.count,
        removed_at=timestamp(removed.removed_ms),
    )


def _kept(kept: Kept, language: Language) -> privacy_pb2.KeptData:
    return privacy_pb2.KeptData(
        category=privacy_pb2.DataCategory.ValueType(kept.category),
        reason=privacy_pb2.KeepReason.ValueType(kept.reason),
        sentence=SENTENCES[kept.reason][language],
        ends_at=None if kept.until_ms is None else timestamp(kept.until_ms),
    )
