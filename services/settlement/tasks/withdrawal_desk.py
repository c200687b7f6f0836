"""Brings withdrawals to the bank, once, and asks the bank until it has said what became of them.

Every step is on record before the next begins. So whoever owns the shard next goes on where the last owner
stopped: what was about to be sent may have been, and is asked for instead of being sent again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard
from services.mesh.wakeup import Wakeup
from services.settlement.domain import accounts
from services.settlement.domain.state import SettlementState
from services.settlement.domain.withdrawals import records
from services.settlement.domain.withdrawals.outcome import Outcome
from services.settlement.domain.withdrawals.rail import Payment, PaymentOrder, Rail
from services.settlement.domain.withdrawals.values import Withdrawal, WithdrawalId, WithdrawalState
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.bank_word import BankWord

_log = get_logger("settlement.withdrawals")


class WithdrawalDesk:
    """A companion of every shard: see `ShardCompanion`."""

    def __init__(self, rail: Rail, clock: Clock, settings: SettlementSettings) -> None:
        self._rail = rail
        self._clock = clock
        self._settings = settings
        self._desks: dict[int, ShardDesk] = {}

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Takes up what is open, and then what is asked for."""
        desk = self._desks[shard.number] = ShardDesk(shard, self._rail, self._clock, self._settings)
        shard.spawn(desk.run(), "withdrawals")

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets a shard that is not owned here any more."""
        # The next term of the same shard may have begun already.
        desk = self._desks.get(shard.number)
        if desk is not None and desk.shard is shard:
            del self._desks[shard.number]

    def take_up(self, shard: Shard[SettlementState], number: WithdrawalId) -> None:
        """Takes up a withdrawal that was just asked for; on a shard that is lost, the next owner does."""
        desk = self._desks.get(shard.number)
        if desk is not None and desk.shard is shard:
            desk.take_up(number)


class ShardDesk:
    """The open withdrawals of one shard while it is owned here: each is waiting for its turn, or has it."""

    def __init__(
        self, shard: Shard[SettlementState], rail: Rail, clock: Clock, settings: SettlementSettings
    ) -> None:
        self.shard = shard
        self._rail = rail
        self._clock = clock
        self._settings = settings
        self._word = BankWord(shard, clock, settings)
        self._changed = Wakeup()
        self._order = itertools.count()
        self._waiting: list[tuple[float, int, WithdrawalId]] = []
        """Heap by when the next step is due, by the monotonic clock."""
        self._pauses: dict[WithdrawalId, Backoff] = {}
        """Of those that the bank has been asked about."""
        for withdrawal in shard.state.withdrawals.open():
            self.take_up(withdrawal.withdrawal_id)

    def take_up(self, number: WithdrawalId) -> None:
        """Has the next step of a withdrawal taken as soon as there is a hand free."""
        self._wait(number, self._clock.monotonic_s())

    async def run(self) -> None:
        """Works for ever."""
        busy: dict[asyncio.Task[None], None] = {}
        async with asyncio.TaskGroup() as tasks:
            try:
                while True:
                    while (number := self._next(len(busy))) is not None:
                        task = tasks.create_task(self._step(number))
                        busy[task] = None
                        task.add_done_callback(busy.pop)
                        task.add_done_callback(lambda _: self._changed.call())
                    await self._changed.wait(self._until_next_s(len(busy)), self._clock)
            finally:
                # A group ends its tasks in any order, but simulations must be the same every time.
                for task in list(busy):
                    task.cancel()

    def _next(self, busy: int) -> WithdrawalId | None:
        """The withdrawal whose turn it is; None when none is due or all hands are full."""
        if busy >= self._settings.withdrawal_calls_max:
            return None
        if not self._waiting or self._waiting[0][0] > self._clock.monotonic_s():
            return None
        return heapq.heappop(self._waiting)[2]

    def _until_next_s(self, busy: int) -> float:
        longest_s = self._settings.withdrawal_query_ms_max / 1000
        if busy >= self._settings.withdrawal_calls_max or not self._waiting:
            return longest_s
        return min(longest_s, max(0.001, self._waiting[0][0] - self._clock.monotonic_s()))

    def _wait(self, number: WithdrawalId, due_s: float) -> None:
        heapq.heappush(self._waiting, (due_s, next(self._order), number))
        self._changed.call()

    async def _step(self, number: WithdrawalId) -> None:
        """Asks the bank once, and carries out what it says."""
        withdrawal = self.shard.state.withdrawals.find(number)
        if withdrawal is None or not withdrawal.is_open:
            self._pauses.pop(number, None)  # The bank has reported it meanwhile.
            return
        asked_ms = self._clock.now_ms()
        if withdrawal.state is WithdrawalState.REQUESTED:
            payment = await self._submit(withdrawal)
        else:
            payment = await self._ask(self._rail.query(number), number)
            failpoint("withdrawal.queried")
        outcome = await self._word.carry_out(number, payment, asked_ms)
        if outcome is not None and outcome.event is not None:
            failpoint("withdrawal.ended")
        pause = self._pauses.setdefault(
            number, Backoff(self._settings.withdrawal_query_ms_min, self._settings.withdrawal_query_ms_max)
        )
        # Also when it has ended: the next step finds that, and forgets it.
        self._wait(number, self._clock.monotonic_s() + pause.next_s())

    async def _submit(self, withdrawal: Withdrawal) -> Payment | None:
        """Sends the order, once in its life: right after it is on record that it is sent."""
        # A request that is not durable may never have been made.
        await self.shard.settled()
        failpoint("withdrawal.taken")
        number, order = withdrawal.withdrawal_id, withdrawal.order
        order_ends_ms = self._clock.now_ms() + self._settings.withdrawal_order_ms
        cut_off_ms = order_ends_ms + self._settings.withdrawal_cut_off_ms
        submitted = records.submitted(number, order_ends_ms, cut_off_ms)
        await self._word.commit(number, lambda _: Outcome(submitted))
        await self.shard.settled()
        failpoint("withdrawal.submitting")
        payer = accounts.bank_clearing(self.shard.number)
        sent = PaymentOrder(
            number, payer, order.person_id, order.card.card_id, order.amount_fen, order_ends_ms
        )
        payment = await self._ask(self._rail.submit(sent), number)
        failpoint("withdrawal.answered")
        return payment

    async def _ask(self, question: Awaitable[Payment], number: WithdrawalId) -> Payment | None:
        """The bank's answer; None when there is none."""
        try:
            return await question
        except ServiceError as error:
            _log.warning("bank_silent", withdrawal_id=number, error=str(error))
            return None
