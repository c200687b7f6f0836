"""One shard's place at one instance: empty, being taken, held, being given."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable

import structlog

from services.mesh.etcd.errors import CompareFailed, EtcdUnavailable
from services.mesh.etcd.values import Created, KeyValue, Put
from services.mesh.failpoints import failpoint
from services.mesh.shards.records import ShardClaim
from services.mesh.shards.surroundings import SeatSurroundings
from services.mesh.shards.warm_up import WarmUp

_log = structlog.get_logger(__name__)


class _Leaving(enum.Enum):
    """Why a shard is let go of."""

    PLANNED = enum.auto()
    KEY_GONE = enum.auto()
    HANDLER_FAILED = enum.auto()


class Seat:
    """Follows the plan for one shard, from taking it to letting go of it, again and again."""

    def __init__(self, shard: int, around: SeatSurroundings) -> None:
        self.shard = shard
        self.epoch: int | None = None
        """The epoch under which the shard is held and served; None when it is not."""
        self.is_occupied = False
        """Whether the handler has anything to do with the shard."""
        self._around = around
        self._key = around.keys.shard(shard)
        self._backoff = around.new_backoff()
        self._news = asyncio.Event()
        # The view may show a key for a while after it was deleted here.
        self._released_epoch = 0
        self._failure: Exception | None = None
        self._is_retired = False
        self._failed_takes = 0
        self._refusal: asyncio.Task[None] | None = None
        self._warm_up = WarmUp(shard, around)

    async def run(self) -> None:
        """Never returns; cancelled when the session ends, and then `lose` follows."""
        try:
            await self._follow_the_plan()
        finally:
            self._warm_up.abandon()
            if self._refusal is not None:
                self._refusal.cancel()

    async def _follow_the_plan(self) -> None:
        while True:
            await self._until(self._has_to_act)
            try:
                left_behind = self._entry()
                if self._may_take():
                    await self._hold_once()
                elif left_behind is not None and self._is_left_behind():
                    await self._release(left_behind.create_revision)
                elif self._should_warm_up():
                    self._warm_up.begin()
                else:
                    await self._warm_up.end()
            except (CompareFailed, EtcdUnavailable) as error:
                # Somebody was faster, or the answer was lost; the view will show which.
                _log.info("shard_not_claimed", key=self._key, error=str(error))
                await self._pause()

    def fail(self, error: Exception) -> None:
        """The handler has given the shard up by itself: the key is released and the shard taken anew."""
        self._failure = error
        self.wake()

    def retire(self) -> None:
        """Gives the shard whatever the plan says, and takes it no more: this instance leaves."""
        self._is_retired = True
        self.wake()

    def wake(self) -> None:
        """Something that this seat looks at has changed: the plan for its shard, or the shard's key."""
        self._news.set()

    def stop_serving(self) -> None:
        """The shard counts as not held from now on; `lose` follows."""
        self._set_epoch(None)

    async def lose(self) -> None:
        """Stops the handler at once; nothing is written to etcd. Idempotent."""
        self._set_epoch(None)
        if self.is_occupied:
            self.is_occupied = False
            await self._around.handler.lose(self.shard)

    async def _hold_once(self) -> None:
        epoch = await self._around.client.create(
            self._key, self._claim(is_serving=False), lease_id=self._around.session.lease_id
        )
        failpoint("handoff.claimed")
        self._failure = None
        is_taken = await self._take(epoch)
        if is_taken:
            await self._serve(epoch)
        await self._warm_up.end()
        await self._release(epoch)
        self._failed_takes = 0 if is_taken else self._failed_takes + 1
        if self._failed_takes >= self._around.takes_max and (self._refusal is None or self._refusal.done()):
            self._refusal = asyncio.create_task(self._refuse(), name=f"refusal of {self._key}")
        if not is_taken or self._failure is not None:
            await self._pause()

    async def _take(self, epoch: int) -> bool:
        """Has the handler take the shard; False when it could not."""
        self.is_occupied = True
        try:
            async with asyncio.timeout(self._around.take_timeout_s):
                await self._around.handler.take(self.shard, epoch)
        except TimeoutError:
            _log.exception("shard_take_too_slow", key=self._key, epoch=epoch)
            await self.lose()
            return False
        except Exception:  # noqa: BLE001 - whatever it raises means that nothing was taken
            _log.exception("shard_not_taken", key=self._key, epoch=epoch)
            self.is_occupied = False
            return False
        return True

    async def _serve(self, epoch: int) -> None:
        """Announces the shard and holds it until there is a reason to let go."""
        serving = Put(self._key, self._claim(is_serving=True), self._around.session.lease_id)
        announced = await self._around.surely(
            lambda: self._around.client.txn([Created(self._key, epoch)], [serving])
        )
        if not announced.succeeded:
            await self.lose()
            return
        self._set_epoch(epoch)
        failpoint("handoff.announced")
        self._backoff.reset()
        await self._warm_up.end()
        await self._until_leaving(epoch)
        reason = self._reason_to_leave(epoch)
        self._set_epoch(None)
        _log.info("shard_leaving", key=self._key, epoch=epoch, reason=reason and reason.name)
        if reason is _Leaving.KEY_GONE:
            await self.lose()
        elif reason is _Leaving.PLANNED:
            await self._give(epoch)
        self.is_occupied = False

    async def _until_leaving(self, epoch: int) -> None:
        """Returns when there is a reason to let go, and nothing to be won by serving on a little longer."""
        while True:
            await self._until(lambda: self._reason_to_leave(epoch) is not None)
            if self._reason_to_leave(epoch) is _Leaving.PLANNED:
                await self._until_next_owner_is_warm(epoch)
            if self._reason_to_leave(epoch) is not None:
                return

    async def _until_next_owner_is_warm(self, epoch: int) -> None:
        """Returns when it is, when it takes too long, or when that is not the reason to leave any more."""
        patience = asyncio.ensure_future(self._around.client.clock.sleep(self._around.warm_wait_s))
        patience.add_done_callback(lambda _: self.wake())
        try:
            await self._until(
                lambda: (
                    self._reason_to_leave(epoch) is not _Leaving.PLANNED
                    or self._need_not_wait()
                    or patience.done()
                )
            )
        finally:
            patience.cancel()

    async def _give(self, epoch: int) -> None:
        to_warm = self._is_next_owner_warm()
        try:
            async with asyncio.timeout(self._around.give_timeout_s):
                await self._around.handler.give(self.shard, to_warm=to_warm)
                failpoint("handoff.given")
        except TimeoutError:
            _log.exception("shard_give_too_slow", key=self._key, epoch=epoch)
            await self.lose()
        except Exception:  # noqa: BLE001 - the key is released nevertheless: the next owner's fence protects
            _log.exception("shard_not_given_cleanly", key=self._key, epoch=epoch)

    async def _release(self, epoch: int) -> None:
        """Deletes the key, surely."""
        await self._around.surely(lambda: self._around.client.delete_created(self._key, epoch))
        failpoint("handoff.released")
        self._released_epoch = epoch

    async def _refuse(self) -> None:
        """Asks the planner for another owner, for a while: whatever is wrong here may not be wrong there."""
        around = self._around
        key = around.keys.refusal(self.shard, around.instance)
        _log.error("shard_refused", key=self._key, takes=self._failed_takes, refuse_s=around.refuse_s)
        await self._around.surely(lambda: around.client.put(key, b"", lease_id=around.session.lease_id))
        await around.client.clock.sleep(around.refuse_s)
        self._failed_takes = 0
        await self._around.surely(lambda: around.client.delete(key))

    async def _until(self, condition: Callable[[], bool]) -> None:
        # Each seat is woken for what concerns it alone: with many shards, waking all for each would be
        # quadratic.
        while not condition():
            self._news.clear()
            await self._news.wait()

    def _may_take(self) -> bool:
        entry = self._entry()
        # A key of this very session is the trace of a claim whose answer was lost: claiming again finds it.
        is_free = entry is None or entry.lease_id == self._around.session.lease_id
        return is_free and self._is_wanted()

    def _is_left_behind(self) -> bool:
        # A claim whose answer was lost may arrive when the plan has changed its mind.
        entry = self._entry()
        return entry is not None and entry.lease_id == self._around.session.lease_id

    def _has_to_act(self) -> bool:
        return self._may_take() or self._is_left_behind() or self._warm_up.is_begun != self._should_warm_up()

    def _should_warm_up(self) -> bool:
        """Whether the shard is to come here, and somebody else has it still."""
        entry = self._entry()
        return entry is not None and not self._is_left_behind() and self._is_wanted()

    def _need_not_wait(self) -> bool:
        """Whether a shard that is to go may go now."""
        has_next_owner = self._around.plans.owner(self.shard) is not None
        return self._is_retired or not has_next_owner or self._is_next_owner_warm()

    def _is_next_owner_warm(self) -> bool:
        entry = self._around.view.entries.get(self._around.keys.ready_for(self.shard))
        next_owner = self._around.plans.owner(self.shard)
        return entry is not None and next_owner is not None and entry.value == next_owner.encode()

    def _is_wanted(self) -> bool:
        return not self._is_retired and self._around.plans.owner(self.shard) == self._around.instance

    def _reason_to_leave(self, epoch: int) -> _Leaving | None:
        if self._failure is not None:
            return _Leaving.HANDLER_FAILED
        if self._is_key_gone(epoch):
            return _Leaving.KEY_GONE
        return None if self._is_wanted() else _Leaving.PLANNED

    def _is_key_gone(self, epoch: int) -> bool:
        # A view that has not reached the key's creation yet cannot know that it is gone.
        if self._around.view.revision < epoch:
            return False
        entry = self._entry()
        return entry is None or entry.create_revision != epoch

    def _entry(self) -> KeyValue | None:
        entry = self._around.view.entries.get(self._key)
        return entry if entry is not None and entry.create_revision > self._released_epoch else None

    def _claim(self, *, is_serving: bool) -> bytes:
        return ShardClaim(self._around.instance, self._around.address, is_serving).encoded()

    def _set_epoch(self, epoch: int | None) -> None:
        if self.epoch != epoch:
            self.epoch = epoch
            self._around.changed()

    async def _pause(self) -> None:
        await self._around.client.clock.sleep(self._backoff.next_s())
