"""The contract of master keys in terms of the domain, and nothing else."""
# ruff: noqa: N802 - gRPC names the methods

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from hongbao.social.v1 import key_pb2 as pb
from hongbao.social.v1.key_pb2_grpc import KeyServiceServicer
from services.mesh.keys.rotation import KeyStatus, shown
from services.mesh.timestamps import timestamp


class KeyStatuses(Protocol):
    """Knows which master keys there are."""

    async def status(self) -> Sequence[KeyStatus]:
        """All that are given or in use, oldest first."""
        ...


class KeyApi(KeyServiceServicer):
    """Serves `hongbao.social.v1.KeyService`."""

    def __init__(self, keys: KeyStatuses) -> None:
        self._keys = keys

    async def ListMasterKeys(
        self, _request: pb.ListMasterKeysRequest, _context: Any
    ) -> pb.ListMasterKeysResponse:
        """See the contract."""
        return pb.ListMasterKeysResponse(keys=map(_key, await self._keys.status()))


def _key(status: KeyStatus) -> pb.MasterKeyStatus:
    return pb.MasterKeyStatus(
        key_id=shown(status.master_id),
        current=status.current,
        given=status.given,
        record_count=status.records,
        used_since=None if status.since_ms is None else timestamp(status.since_ms),
        removable=status.removable,
    )
