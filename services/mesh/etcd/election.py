"""Electing one leader among sessions."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence

from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import CompareFailed, EtcdUnavailable
from services.mesh.etcd.session import Session
from services.mesh.etcd.values import Condition, Created, Delete, KeyValue, Operation
from services.mesh.etcd.watch import watch


class Election:
    """One candidate. Whoever's key is the oldest under the prefix leads; the others wait in line.

    A leader that was paused may not know yet that it leads no more: so what it writes is guarded by the
    create-revision of its key (`write`), which is gone with its lease.
    """

    def __init__(self, client: EtcdClient, session: Session, prefix: str) -> None:
        self._client = client
        self._session = session
        self._prefix = prefix
        self.key = f"{prefix}{session.lease_id:016x}"
        self._created_revision = 0

    async def campaign(self, value: bytes) -> None:
        """Joins the line and returns when this candidate leads. Raises `SessionLost`.

        After a campaign that was cancelled or failed, `resign` leaves the line; so does the session's end.
        """
        await self._session.while_alive(self._stand_and_wait(value))

    async def write(self, operations: Sequence[Operation], conditions: Sequence[Condition] = ()) -> int:
        """Does the operations if this candidate still leads and the conditions hold; returns the revision.

        Raises `CompareFailed` when one does not hold, `EtcdOutcomeUnknown` when that cannot be told.
        """
        result = await self._client.txn([Created(self.key, self._created_revision), *conditions], operations)
        if not result.succeeded:
            raise CompareFailed(f"{self.key} leads no more, or a condition failed", key=self.key)
        return result.revision

    async def resign(self) -> None:
        """Leaves the line; the next in it leads. Idempotent."""
        await self._client.txn([], [Delete(self.key)])

    async def _stand_and_wait(self, value: bytes) -> None:
        backoff = self._client.transport.backoff()
        while True:
            try:
                self._created_revision = await self._client.create(
                    self.key, value, lease_id=self._session.lease_id
                )
                break
            except EtcdUnavailable:
                # As long as the session lives, nothing is lost by waiting: it may live longer than a call.
                await self._client.clock.sleep(backoff.next_s())
        async with contextlib.aclosing(leaders(self._client, self._prefix)) as changes:
            async for present in changes:
                if present is not None and present.create_revision == self._created_revision:
                    return


async def leaders(client: EtcdClient, prefix: str) -> AsyncGenerator[KeyValue | None, None]:
    """Who leads now, then every change of it."""
    candidates: dict[str, KeyValue] = {}
    told: KeyValue | None = None
    is_first = True
    async with contextlib.aclosing(watch(client, prefix)) as batches:
        async for batch in batches:
            for change in batch.changes:
                if change.now is None:
                    candidates.pop(change.key, None)
                else:
                    candidates[change.key] = change.now
            present = _oldest(list(candidates.values()))
            if is_first or present != told:
                is_first, told = False, present
                yield present


def _oldest(candidates: Sequence[KeyValue]) -> KeyValue | None:
    return min(candidates, key=lambda candidate: candidate.create_revision, default=None)
