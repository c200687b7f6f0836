"""The contract of master keys in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from typing import Any

from hongbao.social.v1 import key_pb2 as pb
from hongbao.social.v1.key_pb2_grpc import KeyServiceServicer
from services.mesh.keys.contract import KeyStatuses, key_message


class KeyApi(KeyServiceServicer):
    """Serves `hongbao.social.v1.KeyService`."""

    def __init__(self, keys: KeyStatuses) -> None:
        self._keys = keys

    async def ListMasterKeys(
        self, _request: pb.ListMasterKeysRequest, _context: Any
    ) -> pb.ListMasterKeysResponse:
        """See the contract."""
        told = [key_message(pb.MasterKeyStatus, status) for status in await self._keys.status()]
        return pb.ListMasterKeysResponse(keys=told)
