"""Sees to winnings that wait: pays them, sends them on, and gives them back, as soon as that is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from prometheus_client import Gauge

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger
from services.mesh.metrics import REGISTRY
from services.mesh.shards.errors import ShardOverloaded
from services.mesh.shards.host import Shard
from services.settlement.domain import waiting_steps as steps
from services.settlement.domain.state import SettlementState
from services.settlement.domain.waiting_items import WaitingItem
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.waiting")

WAITING_ITEMS = Gauge(
    "hongbao_settlement_waiting_items",
    "Winnings that wait until their people are verified.",
    ["shard"],
    registry=REGISTRY,
)

Step = Callable[[SettlementState, Sequence[WaitingItem]], pb.SettlementEvent]


class PacketsWon(Protocol):
    """What allocation knows of packets. Raises `ServiceError` when nobody answers."""

    async def is_closed(self, stock_id: str, person_id: int) -> bool:
        """Whether the person can win nothing of the stock any more."""
        ...

    async def has_won(self, stock_id: str, person_id: int) -> bool:
        """Whether the person has won a packet of the stock. Final once the person's part is closed."""
        ...


class News(Protocol):
    """Up to when a shard has heard of people."""

    def known_until_ms(self, shard: int) -> int:
        """The moment up to which all that is known of people is known to the shard, at most now; 0: none."""
        ...

    def silent_since_ms(self, shard: int) -> int | None:
        """Since when a shard has heard nothing, where that is too long; None where it is not."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingKeeper:
    """A companion of every shard: see `ShardCompanion`."""

    packets: PacketsWon
    news: News
    clock: Clock
    settings: SettlementSettings

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Looks what is due, for ever."""
        shard.spawn(self._run(shard), "waiting winnings")

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets nothing: what is due follows from the shard's state."""
        WAITING_ITEMS.labels(shard.number).set(0)

    async def look(self, shard: Shard[SettlementState]) -> bool:
        """Takes the first steps that are due; whether there were as many as one look takes.

        Raises `ShardOverloaded`.
        """
        return await _Look(shard, self, self.settings).take()

    async def _run(self, shard: Shard[SettlementState]) -> None:
        silent = False
        while True:
            silent = self._tell_silence(shard.number, before=silent)
            try:
                more = await self.look(shard)
            except ShardOverloaded:
                more = False
            WAITING_ITEMS.labels(shard.number).set(len(shard.state.waiting.items))
            if not more:
                await self.clock.sleep(self.settings.waiting_look_ms / 1000)

    def _tell_silence(self, shard: int, *, before: bool) -> bool:
        """Logs when nothing is heard of people any more, and when it is again; whether nothing is."""
        since_ms = self.news.silent_since_ms(shard)
        if since_ms is not None and not before:
            _log.warning("people_not_heard_of", shard=shard, since_ms=since_ms)
        elif since_ms is None and before:
            _log.info("people_heard_of_again", shard=shard)
        return since_ms is not None


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at one shard."""

    shard: Shard[SettlementState]
    keeper: WaitingKeeper
    settings: SettlementSettings

    async def take(self) -> bool:
        """Takes the first steps that are due, of every kind."""
        waiting, most = self.shard.state.waiting, self.settings.waiting_batch
        done = [
            await self._carry_out(steps.items_of(self.shard.state, waiting.payable, most), steps.pay),
            await self._carry_out(steps.items_of(self.shard.state, waiting.forwardable, most), steps.forward),
            await self._forward_wallets(),
            await self._expire(),
            await self._decide(),
        ]
        return most in done

    async def _carry_out(self, items: Sequence[WaitingItem], step: Step) -> int:
        """Commits a step for items; returns how many it was taken for. Raises `ShardOverloaded`.

        What the ledger refuses, such as money for a sponsor whose account is full, comes up again later.
        """
        state = self.shard.state
        if not items:
            return 0
        event = step(state, items)
        if state.check(event).created:
            durable = self.shard.commit(event)
            failpoint("waiting.moved")
            await durable
            return len(items)
        if len(items) > 1:
            return sum([await self._carry_out(self._now([item]), step) for item in items])
        _log.warning("waiting_refused", verdict=str(state.check(event)))
        state.waiting.put_back(items)
        return 0

    def _now(self, items: Sequence[WaitingItem]) -> list[WaitingItem]:
        """Items as they are after something was waited for."""
        kept = self.shard.state.waiting.items
        return [kept[item.key] for item in items if item.key in kept]

    async def _forward_wallets(self) -> int:
        state = self.shard.state
        sent = 0
        for provisional in list(islice(state.waiting.merged_wallets, self.settings.waiting_batch)):
            event = steps.forward_wallet(state, provisional)
            if state.check(event).created:
                await self.shard.commit(event)
                sent += 1
            else:
                # Frozen, reserved, or empty by now: behind the others, so that they have their turn.
                state.waiting.put_back_wallet(provisional)
        return sent

    async def _expire(self) -> int:
        # News of people may be late, whoever said how long winnings wait: their time goes on only as far as
        # people are known. The grace is for what was under way at identity, and for clocks that differ.
        ruled_ms = self.keeper.news.known_until_ms(self.shard.number) - self.settings.waiting_grace_ms
        unruled_ms = ruled_ms - self.settings.waiting_ms
        waiting = self.shard.state.waiting
        expired = waiting.take_expired(ruled_ms, unruled_ms, self.settings.waiting_batch)
        try:
            return await self._carry_out(expired, steps.expire)
        finally:
            waiting.put_back(self._now(expired))

    async def _decide(self) -> int:
        """Winnings of somebody who turned out to be the person: the person is paid once."""
        state, decided = self.shard.state, 0
        for item in steps.items_of(state, state.waiting.undecided, self.settings.waiting_batch):
            try:
                paid = await self._was_paid(item)
            except ServiceError as error:
                _log.warning("packet_not_known", hold_id=item.key.hold_id, error=str(error))
                # The others would wait as long for an answer, and what is to be paid would wait for them.
                state.waiting.put_back([item])
                break
            if paid is None:
                state.waiting.put_back([item])
            else:
                # Since the question was asked, another one of theirs may have been paid.
                paid = paid or steps.was_paid_here(state, item)
                decided += await self._carry_out(self._now([item]), steps.give_back if paid else steps.pay)
        return decided

    async def _was_paid(self, item: WaitingItem) -> bool | None:
        """Whether the person has a payout of the same round or pool; None until that is certain."""
        state = self.shard.state
        if steps.was_paid_here(state, item):
            return True
        if steps.is_of_pool(item):
            return steps.completed_too(state, item, self.settings.cards_shards)
        hold_id, person_id = item.key.hold_id, item.key.person_id
        closed = steps.part_closed(state, item, self.settings.allocation_shards)
        if closed is None:
            closed = await self.keeper.packets.is_closed(hold_id, person_id)
        return await self.keeper.packets.has_won(hold_id, person_id) if closed else None
