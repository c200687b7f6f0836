"""The planner: one elected instance of a service writes down who should own what."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.election import Election
from services.mesh.etcd.errors import CompareFailed, EtcdUnavailable
from services.mesh.etcd.session import Session
from services.mesh.etcd.values import KeyValue, Modified, Put
from services.mesh.etcd.view import PrefixView
from services.mesh.shards.plan import next_step, plan, without_refused
from services.mesh.shards.records import (
    ServiceKeys,
    ShardClaim,
    encode_plan,
    read_claim,
    read_members,
    read_plan,
    read_refusals,
)

_log = structlog.get_logger(__name__)
_PAUSE_S_PER_SHARD = 20e-6


class Planner:
    """A candidate for planning; every instance runs one, and the elected one plans.

    It follows a view of all the service's keys and rewrites the plan whenever members come or go, a few
    moves at a time: the next moves are planned only when those before have happened.
    """

    def __init__(
        self,
        client: EtcdClient,
        session: Session,
        view: PrefixView,
        keys: ServiceKeys,
        shard_count: int,
        *,
        instance: str,
        moves_max: int,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        if moves_max < 1:
            raise ValueError(f"moves_max must be at least 1, not {moves_max}")
        self._election = Election(client, session, keys.planner)
        self._view = view
        self._keys = keys
        self._shard_count = shard_count
        self._instance = instance
        self._moves_max = moves_max
        self._clock = clock
        self._backoff = backoff

    async def run(self) -> None:
        """Waits to be elected, then plans until cancelled or the session is lost (`SessionLost`)."""
        while True:
            await self._election.campaign(self._instance.encode())
            _log.info("planner_elected", service=self._keys.service, instance=self._instance)
            await self._lead()

    async def _lead(self) -> None:
        """Plans until it turns out that somebody else does."""
        while True:
            # A plan looks at every shard: with many of them, not after each single change.
            await self._clock.sleep(self._shard_count * _PAUSE_S_PER_SHARD)
            version = self._view.version
            entries = self._view.entries
            assignment = next_assignment(self._keys, entries, self._shard_count, self._moves_max)
            if assignment == read_plan(self._keys, entries):
                self._backoff.reset()
                await self._view.changed(version)
                continue
            written = entries.get(self._keys.plan)
            unchanged = Modified(self._keys.plan, written.mod_revision if written else 0)
            try:
                write = Put(self._keys.plan, encode_plan(assignment))
                revision = await self._election.write([write], [unchanged])
                await self._view.reached(revision)
            except CompareFailed:
                # The view was behind, or this is no longer the leader: standing again tells which.
                await self._clock.sleep(self._backoff.next_s())
                return
            except EtcdUnavailable as error:
                _log.warning("plan_not_written", service=self._keys.service, error=str(error))
                await self._clock.sleep(self._backoff.next_s())


def next_assignment(
    keys: ServiceKeys, entries: Mapping[str, KeyValue], shard_count: int, moves_max: int
) -> Mapping[int, str]:
    """What the plan should say, given all that etcd knows of a service."""
    members = {instance: member.capacity for instance, member in read_members(keys, entries).items()}
    planned, refusals = read_plan(keys, entries), read_refusals(keys, entries)
    claims = {shard: _claim(keys, entries, shard) for shard in range(shard_count)}
    # A shard is where it was last meant to be, if that member lives: else a move under way would turn back.
    current = {}
    for shard, claim in claims.items():
        owner = planned.get(shard)
        if owner in members and owner not in refusals.get(shard, ()):
            current[shard] = owner
        elif claim is not None and claim.owner in members:
            current[shard] = claim.owner
    under_way = sum(1 for shard, owner in current.items() if not _is_settled(claims[shard], owner))
    target = plan(members, current, shard_count).assignment
    target = without_refused(members, current, target, refusals)
    return next_step(members, current, target, max(0, moves_max - under_way))


def _claim(keys: ServiceKeys, entries: Mapping[str, KeyValue], shard: int) -> ShardClaim | None:
    entry = entries.get(keys.shard(shard))
    return read_claim(entry) if entry is not None else None


def _is_settled(claim: ShardClaim | None, owner: str) -> bool:
    return claim is not None and claim.owner == owner and claim.is_serving
