"""One session's worth of ownership: joining, planning, holding shards, and the end of all that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import structlog

from services.mesh.backoff import Backoff
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.errors import EtcdUnavailable, LeaseGone, SessionLost
from services.mesh.etcd.session import Session
from services.mesh.etcd.values import KeyValue
from services.mesh.etcd.view import PrefixView
from services.mesh.etcd.watch import Change
from services.mesh.shards.handler import ShardHandler
from services.mesh.shards.planner import Planner
from services.mesh.shards.records import Member, ServiceKeys, read_plan
from services.mesh.shards.seat import Seat
from services.mesh.shards.surroundings import SeatSurroundings

_log = structlog.get_logger(__name__)


class Term:
    """Everything that lives exactly as long as a session does."""

    def __init__(
        self,
        client: EtcdClient,
        session: Session,
        *,
        keys: ServiceKeys,
        instance: str,
        address: str,
        shard_count: int,
        handler: ShardHandler,
        capacity: int,
        moves_max: int,
        take_timeout_s: float,
        give_timeout_s: float,
        warm_wait_s: float,
        takes_max: int,
        refuse_s: float,
        new_backoff: Callable[[], Backoff],
        changed: Callable[[], None],
    ) -> None:
        self.session = session
        self._client = client
        self._keys = keys
        self._instance = instance
        self._member = Member(address, capacity)
        self._view = PrefixView(client, keys.root, self._wake_seats)
        self._plans = _Plans(keys)
        self._new_backoff = new_backoff
        self._give_timeout_s = give_timeout_s
        self._planner = Planner(
            client,
            session,
            self._view,
            keys,
            shard_count,
            instance=instance,
            moves_max=moves_max,
            clock=client.clock,
            backoff=new_backoff(),
        )
        around = SeatSurroundings(
            client=client,
            session=session,
            view=self._view,
            keys=keys,
            plans=self._plans,
            instance=instance,
            address=address,
            handler=handler,
            take_timeout_s=take_timeout_s,
            give_timeout_s=give_timeout_s,
            warm_wait_s=warm_wait_s,
            takes_max=takes_max,
            refuse_s=refuse_s,
            new_backoff=new_backoff,
            changed=changed,
        )
        self.seats = tuple(Seat(shard, around) for shard in range(shard_count))

    def owned(self) -> Mapping[int, int]:
        """Shards held and served, with their epochs; nothing unless the session certainly lives now."""
        if not self.session.alive():
            return {}
        return {seat.shard: seat.epoch for seat in self.seats if seat.epoch is not None}

    async def join(self) -> None:
        """Becomes a member and learns the present state."""
        await self._write_member(self._member)
        await self._view.start()

    async def run(self) -> None:
        """Plans, if elected, and holds shards until the session is lost or something fails; then ends."""
        losing = asyncio.create_task(self._until_lost(), name="session lost")
        planning = asyncio.create_task(self._planner.run(), name=f"planner of {self._instance}")
        following = asyncio.create_task(self._view.ended(), name=f"view of {self._keys.root}")
        sitting = [asyncio.create_task(seat.run(), name=f"seat {seat.shard}") for seat in self.seats]
        try:
            tasks = {losing, planning, following, *sitting}
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                self._log_end(task)
        finally:
            for task in (losing, planning, following, *sitting):
                task.cancel()
            await self.end(sitting)
            await asyncio.wait({losing, planning, following})

    async def leave(self, timeout_s: float) -> None:
        """Asks the planner for other owners, waits for them, and gives up what is left."""
        try:
            await self.session.while_alive(self._leave(timeout_s))
        except (SessionLost, LeaseGone):
            # Then there is nothing left to hand over: `run` loses everything.
            _log.warning("session_lost_while_leaving", instance=self._instance)

    async def end(self, sitting: Sequence[asyncio.Task[None]] = ()) -> None:
        """Loses what is still held, and revokes the lease. The seats' tasks have been cancelled."""
        for seat in self.seats:
            seat.stop_serving()
        # Handlers are told at once, without waiting for one another or for etcd.
        await asyncio.gather(
            *(self._lose(seat, task) for seat, task in zip(self.seats, sitting, strict=bool(sitting)))
        )
        await self._view.close()
        await self.session.close()

    async def _leave(self, timeout_s: float) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._write_member(Member(self._member.address, capacity=0))
                await self._until_empty()
        except TimeoutError:
            _log.warning("shards_not_taken_over", instance=self._instance, shards=list(self.owned()))
        for seat in self.seats:
            seat.retire()
        try:
            async with asyncio.timeout(self._give_timeout_s):
                await self._until_empty()
        except TimeoutError:
            _log.warning("shards_not_given", instance=self._instance, shards=list(self.owned()))

    async def _lose(self, seat: Seat, sitting: asyncio.Task[None]) -> None:
        # A handler that is just taking or giving the shard is stopped before it is told to lose it.
        await asyncio.wait({sitting})
        try:
            await seat.lose()
        except Exception:  # noqa: BLE001 - one handler that raises must not keep the others from stopping
            _log.exception("shard_not_lost_cleanly", instance=self._instance, shard=seat.shard)

    def _wake_seats(self, change: Change) -> None:
        """Wakes the seats that a change concerns."""
        if change.key == self._keys.plan:
            concerned = self._plans.update(change.now)
        else:
            shard = self._keys.seat_number(change.key)
            concerned = [] if shard is None else [shard]
        for shard in concerned:
            if shard < len(self.seats):
                self.seats[shard].wake()

    async def _until_lost(self) -> None:
        await self.session.lost.wait()

    async def _until_empty(self) -> None:
        # A seat that becomes empty deletes its key next, so looking again after each change is enough.
        await self._view.until(lambda: not any(seat.is_occupied for seat in self.seats))

    async def _write_member(self, member: Member) -> None:
        """Writes this instance's key: repeating it is harmless, since nobody else writes it."""
        backoff = self._new_backoff()
        while True:
            try:
                key = self._keys.member(self._instance)
                await self._client.put(key, member.encoded(), lease_id=self.session.lease_id)
            except EtcdUnavailable as error:
                self.session.check_alive()
                _log.warning("membership_not_written", instance=self._instance, error=str(error))
                await self._client.clock.sleep(backoff.next_s())
            else:
                return

    def _log_end(self, task: asyncio.Task[None]) -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is None or isinstance(failure, SessionLost):
            _log.warning("session_lost", instance=self._instance, lease=f"{self.session.lease_id:x}")
        else:
            _log.error("term_failed", instance=self._instance, task=task.get_name(), exc_info=failure)


class _Plans:
    """The plan, decoded once for each change."""

    def __init__(self, keys: ServiceKeys) -> None:
        self._keys = keys
        self._owners: Mapping[int, str] = {}

    def owner(self, shard: int) -> str | None:
        """See `Plans.owner`."""
        return self._owners.get(shard)

    def update(self, entry: KeyValue | None) -> list[int]:
        """Takes on another plan; returns the shards whose owner it changes."""
        before = self._owners
        self._owners = read_plan(self._keys, {self._keys.plan: entry} if entry is not None else {})
        shards = before.keys() | self._owners.keys()
        return [shard for shard in shards if before.get(shard) != self._owners.get(shard)]
