"""Ownership: takes the shards that the plan gives to this instance, and lets go of those it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from services.mesh.background import start_background
from services.mesh.backoff import Backoff
from services.mesh.errors import ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.session import Session
from services.mesh.settings import MeshSettings
from services.mesh.shards.handler import ShardHandler
from services.mesh.shards.hashing import check_shard_count
from services.mesh.shards.records import ServiceKeys
from services.mesh.shards.term import Term

__all__ = ["Ownership", "OwnershipLimits", "ShardHandler"]

_log = structlog.get_logger(__name__)
_MOVES_SHARE = 8


@dataclass(frozen=True, slots=True)
class OwnershipLimits:
    """Bounds of ownership."""

    lease_ttl_s: int = 3
    """Seconds after which a silent owner loses its shards."""
    capacity: int = 1
    """Share of the shards that this instance should get, relative to the others."""
    moves_max: int | None = None
    """Shards that move between living members at the same time; unset: an eighth of them, at least one."""
    take_timeout_s: float = 60.0
    """Time for the handler to take a shard, seconds; beyond it is cancelled and tried again."""
    give_timeout_s: float = 10.0
    """Time for the handler to give a shard, seconds; beyond it the shard is lost instead."""
    warm_wait_s: float = 10.0
    """Time for the next owner to load a shard ahead, seconds; beyond it the shard is given all the same."""
    takes_max: int = 3
    """Attempts to take a shard, one after another, after which this instance asks for another owner."""
    refuse_s: float = 60.0
    """How long it wants to be spared such a shard, seconds; then it may be planned for it again."""
    backoff_ms_min: int = 20
    backoff_ms_max: int = 1000
    """Pauses after a failure, milliseconds."""

    @classmethod
    def from_settings(cls, settings: MeshSettings) -> OwnershipLimits:
        """The bounds that the environment sets."""
        return cls(
            lease_ttl_s=settings.lease_ttl_s,
            take_timeout_s=settings.shard_take_s,
            give_timeout_s=settings.shard_give_s,
            warm_wait_s=settings.shard_warm_s,
            takes_max=settings.shard_takes_max,
            refuse_s=settings.shard_refuse_s,
            backoff_ms_min=settings.backoff_ms_min,
            backoff_ms_max=settings.backoff_ms_max,
        )

    def new_backoff(self) -> Backoff:
        """The pauses of one series of attempts."""
        return Backoff(self.backoff_ms_min, self.backoff_ms_max)


class Ownership:
    """This instance's membership in a sharded service, and the shards that it holds.

    It lives in terms: a term is one session with etcd. When the session is lost, by this process's own
    clock, every shard is lost at once, and a new term begins, with new epochs. Whoever asks `owned` after
    the process was frozen gets nothing, even before any timer has fired.
    """

    def __init__(
        self,
        client: EtcdClient,
        *,
        service: str,
        instance: str,
        address: str,
        shard_count: int,
        handler: ShardHandler,
        limits: OwnershipLimits | None = None,
        on_change: Callable[[Mapping[int, int]], None] | None = None,
    ) -> None:
        """Wires ownership; nothing happens before `start`.

        Args:
            client: the cluster; it stays open longer than this.
            service: short name, such as "allocation".
            instance: name of this process, unique in the mesh.
            address: host:port where callers reach this instance; it serves before `start`.
            shard_count: shards are numbered from 0 to this, exclusively; the same at every instance.
            handler: does the work of a shard; see `ShardHandler`.
            limits: bounds; see `OwnershipLimits`.
            on_change: told what is held and served, shard to epoch, after every change. Must not raise.
        """
        check_shard_count(shard_count)
        self._client = client
        self._keys = ServiceKeys(service)
        self._instance = instance
        self._address = address
        self._shard_count = shard_count
        self._handler = handler
        self._limits = limits or OwnershipLimits()
        self._on_change = on_change
        self._term: Term | None = None
        self._is_leaving = False
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def owned(self) -> Mapping[int, int]:
        """Shards held and served, with their epochs. Empty from the moment the lease may have expired."""
        return self._term.owned() if self._term is not None else {}

    def alive(self) -> bool:
        """Whether this instance's lease certainly lives, by its own clock, at this moment.

        False means: serve nothing, not even reads. A shard that this instance holds is its own while this
        is True.
        """
        return self._term is not None and self._term.session.alive()

    def shard_failed(self, shard: int, error: Exception) -> None:
        """The handler has given up a shard by itself: its key is released, and it is taken anew later."""
        _log.error("shard_failed", service=self._keys.service, shard=shard, error=str(error))
        if self._term is not None:
            self._term.seats[shard].fail(error)

    async def start(self) -> None:
        """Joins, and begins to take shards. Raises `EtcdUnavailable` or `EtcdDenied`."""
        term = await self._open_term()
        self._supervisor = start_background(self._supervise(term), f"ownership of {self._instance}")

    async def drain(self, timeout_s: float) -> None:
        """Hands all shards over to other members, if there are any, and leaves. Idempotent.

        What has not been taken over after `timeout_s` seconds is given without waiting for a taker; each
        shard's flush has its own bound. Callers find the new owners by themselves.
        """
        self._is_leaving = True
        if self._term is not None:
            await self._term.leave(timeout_s)
        await self._stop()

    async def close(self) -> None:
        """Leaves at once: every shard is lost, and its key deleted where etcd can be reached. Idempotent."""
        self._is_leaving = True
        await self._stop()

    async def _stop(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
            self._supervisor = None

    async def _supervise(self, term: Term) -> None:
        """One term after another."""
        backoff = self._limits.new_backoff()
        while True:
            began_s = self._client.clock.monotonic_s()
            try:
                await term.run()
            except Exception:  # noqa: BLE001 - whoever gave up here would run on for ever and own nothing
                _log.exception("term_not_ended_cleanly", service=self._keys.service)
            if self._client.clock.monotonic_s() - began_s > self._limits.lease_ttl_s:
                # A term that ended soon is trouble that must not become a busy loop.
                backoff.reset()
            while not self._is_leaving:
                await self._client.clock.sleep(backoff.next_s())
                try:
                    term = await self._open_term()
                    break
                except ServiceError as error:
                    _log.warning("term_not_opened", service=self._keys.service, error=str(error))
                except Exception:  # noqa: BLE001 - as above
                    _log.exception("term_not_opened", service=self._keys.service)
            else:
                return

    async def _open_term(self) -> Term:
        session = await Session.open(self._client, self._limits.lease_ttl_s)
        self._term = Term(
            self._client,
            session,
            keys=self._keys,
            instance=self._instance,
            address=self._address,
            shard_count=self._shard_count,
            handler=self._handler,
            capacity=self._limits.capacity,
            moves_max=self._limits.moves_max or max(1, self._shard_count // _MOVES_SHARE),
            take_timeout_s=self._limits.take_timeout_s,
            give_timeout_s=self._limits.give_timeout_s,
            warm_wait_s=self._limits.warm_wait_s,
            takes_max=self._limits.takes_max,
            refuse_s=self._limits.refuse_s,
            new_backoff=self._limits.new_backoff,
            changed=self._changed,
        )
        try:
            await self._term.join()
        except BaseException:
            await self._term.end()
            raise
        return self._term

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change(self.owned)
