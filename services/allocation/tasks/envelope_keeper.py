"""Brings the envelopes of a shard through their lives: funded, expired, forgotten. Asks too.

Every step is on record before the next begins, and can be repeated. So whoever owns the shard next goes on
where the last owner stopped: an envelope that a crash left without an answer of settlement gets one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from hongbao.allocation.v1 import envelope_events_pb2, events_pb2
from services.allocation.domain.envelopes import records
from services.allocation.domain.envelopes.envelope import Envelope
from services.allocation.domain.envelopes.errors import (
    BalanceInsufficient,
    SenderLimitReached,
    SenderUnverified,
)
from services.allocation.domain.envelopes.ports import EnvelopeFunds
from services.allocation.domain.envelopes.values import (
    EnvelopeId,
    EnvelopePhase,
    Refusal,
    RefusalCause,
)
from services.allocation.domain.state import AllocationState
from services.allocation.settings import AllocationSettings
from services.mesh.backoff import Backoff
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.failpoints import failpoint
from services.mesh.logs import get_logger
from services.mesh.shards.host import Shard, ShardOverloaded
from services.mesh.timestamps import timestamp
from services.mesh.wakeup import Wakeup

_log = get_logger("allocation.envelopes")

# Errors that answer what was asked. All others speak of the moment, and do not say whether an attempt, whose
# answer was lost, was carried out.
_ANSWERS = {ErrorKind.INVALID, ErrorKind.EXISTS, ErrorKind.PRECONDITION}
_PASSING_REASONS = {"SHARD_NOT_OWNED", "EPOCH_FENCED"}
_AT_ONCE_MAX = 500
"""Envelopes that expire, or are forgotten, before others have their turn."""


class EnvelopeKeeper:
    """Keeps the envelopes of one shard, while it is owned."""

    def __init__(
        self,
        shard: Shard[AllocationState],
        funds: EnvelopeFunds,
        clock: Clock,
        settings: AllocationSettings,
    ) -> None:
        self._shard = shard
        self._envelopes = shard.state.envelopes
        self._funds = funds
        self._clock = clock
        self._settings = settings
        self._calls = asyncio.Semaphore(settings.envelope_funding_calls_max)
        self._answered: dict[EnvelopeId, Wakeup] = {}
        """Those who wait for settlement's answer, by envelope."""
        self._to_fund: asyncio.Queue[Envelope] = asyncio.Queue()
        for envelope in self._envelopes.book.pending():
            self._to_fund.put_nowait(envelope)

    async def run(self) -> None:
        """Keeps every envelope and ask, those that come later included; never returns."""
        funding: dict[asyncio.Task[None], None] = {}
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_time())
                try:
                    while True:
                        task = tasks.create_task(self._fund(await self._to_fund.get()))
                        funding[task] = None
                        task.add_done_callback(funding.pop)
                finally:
                    # A group ends its tasks in any order, but simulations must be the same every time.
                    for task in list(funding):
                        task.cancel()
        finally:
            # Whoever waits here finds the shard closed.
            for waiting in self._answered.values():
                waiting.call()

    def begin(self, envelope_id: EnvelopeId) -> None:
        """Takes up an envelope that was just created."""
        self._to_fund.put_nowait(self._envelopes.book.envelope(envelope_id))

    async def funded(self, envelope_id: EnvelopeId, timeout_s: float) -> Envelope:
        """Waits until settlement has answered, and the answer is durable.

        Raises `EnvelopePending` when that takes longer, and what `Envelope.check_funded` raises.
        """
        envelope = self._envelopes.book.envelope(envelope_id)
        give_up_s = self._clock.monotonic_s() + timeout_s
        while envelope.phase is EnvelopePhase.PENDING:
            self._shard.check_open()
            left_s = give_up_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            await self._answered.setdefault(envelope_id, Wakeup()).wait(left_s, self._clock)
        # Or the next owner might not know what was promised, or refused.
        await self._shard.settled()
        envelope.check_funded()
        return envelope

    async def _fund(self, envelope: Envelope) -> None:
        terms = envelope.terms
        # Money may only be held for an envelope that nobody can forget.
        await self._shard.settled()
        failpoint("envelope.created")
        refusal = await self._hold(envelope)
        failpoint("envelope.held")
        event = envelope_events_pb2.EnvelopeEvent()
        if refusal is None:
            event.opened.envelope_id = terms.envelope_id
        else:
            event.refused.CopyFrom(records.refused(terms, refusal))
        durable = await self._decide(event)
        waiting = self._answered.pop(terms.envelope_id, None)
        if waiting is not None:
            waiting.call()
        await durable
        failpoint("envelope.opened")

    async def _hold(self, envelope: Envelope) -> Refusal | None:
        """Asks settlement until it answers; None when the money is held.

        It answers in the end: what is asked for after the envelope's time for it is refused as too late.
        """
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        while True:
            try:
                async with self._calls:
                    await self._funds.hold(envelope.terms)
            except BalanceInsufficient as refused:
                if not self._may_still_come(envelope):
                    return Refusal(RefusalCause.BALANCE, int(refused.metadata["available_fen"]))
            except SenderUnverified:
                return Refusal(RefusalCause.UNVERIFIED)
            except SenderLimitReached as refused:
                return Refusal(RefusalCause.LIMIT, int(refused.metadata["left_fen"]))
            except ServiceError as error:
                if error.kind in _ANSWERS and error.reason not in _PASSING_REASONS:
                    _log.warning(
                        "envelope_refused", envelope_id=envelope.terms.envelope_id, reason=error.reason
                    )
                    return Refusal(RefusalCause.OTHER)
                _log.warning("envelope_not_funded", envelope_id=envelope.terms.envelope_id, error=str(error))
            else:
                return None
            await self._clock.sleep(backoff.next_s())

    def _may_still_come(self, envelope: Envelope) -> bool:
        """Whether the money of a packet that is sent on may be on its way to the wallet."""
        waited_ms = self._clock.now_ms() - envelope.created_ms
        return envelope.terms.order.source is not None and waited_ms < self._settings.reissue_funds_wait_ms

    async def _watch_time(self) -> None:
        """Expires and forgets what is due, for ever."""
        while True:
            try:
                more = self._do_what_is_due()
            except ShardOverloaded:
                # Nothing is given out after its time in any case; the records follow when there is room.
                await self._clock.sleep(self._settings.backoff_ms_min / 1000)
                continue
            await (asyncio.sleep(0) if more else self._clock.sleep(self._until_next_s()))

    def _do_what_is_due(self) -> bool:
        """Decides some of what is due; True when there may be more."""
        now_ms = self._clock.now_ms()
        for _ in range(_AT_ONCE_MAX):
            event = self._next_end(now_ms) or self._next_forgotten(now_ms)
            if event is None:
                return False
            self._shard.commit(events_pb2.AllocationEvent(envelope=event))
            failpoint("envelope.expired")
        return True

    def _next_end(self, now_ms: int) -> envelope_events_pb2.EnvelopeEvent | None:
        """The record of the next envelope or ask whose time is over."""
        book, asks = self._envelopes.book, self._envelopes.asks
        due = book.deadlines.next()
        if due is not None and due[0] <= now_ms:
            expired = records.expired(book.envelope(due[1]))
            return envelope_events_pb2.EnvelopeEvent(expired=expired)
        ask_due = asks.deadlines.next()
        if ask_due is not None and ask_due[0] <= now_ms:
            ask_expired = envelope_events_pb2.AskExpired(ask_id=ask_due[1])
            return envelope_events_pb2.EnvelopeEvent(ask_expired=ask_expired)
        return None

    def _next_forgotten(self, now_ms: int) -> envelope_events_pb2.EnvelopeEvent | None:
        """The record of what has not to be kept any longer, some of it at once."""
        before_ms = now_ms - self._settings.envelopes_kept_ms
        envelope_ids = self._envelopes.book.ends.before(before_ms, _AT_ONCE_MAX)
        ask_ids = self._envelopes.asks.ends.before(before_ms, _AT_ONCE_MAX)
        mark_ms = self._envelopes.sources.forgettable_ms()
        if not envelope_ids and not ask_ids and (mark_ms is None or mark_ms > now_ms):
            return None
        forgotten = envelope_events_pb2.EnvelopesForgotten(envelope_ids=envelope_ids, ask_ids=ask_ids)
        forgotten.sources_until_at.CopyFrom(timestamp(now_ms))
        return envelope_events_pb2.EnvelopeEvent(forgotten=forgotten)

    def _until_next_s(self) -> float:
        """Seconds until something is due, or a new look at the wall clock, which may jump."""
        moments = [
            due[0]
            for due in (self._envelopes.book.deadlines.next(), self._envelopes.asks.deadlines.next())
            if due is not None
        ]
        poll_ms = self._settings.closing_poll_ms
        left_ms = min(moments, default=self._clock.now_ms() + poll_ms) - self._clock.now_ms()
        return max(1, min(left_ms, poll_ms)) / 1000

    async def _decide(self, event: envelope_events_pb2.EnvelopeEvent) -> Awaitable[int]:
        """Commits, waiting for room when the shard is busy; returns what to await until it is durable."""
        backoff = Backoff(self._settings.backoff_ms_min, self._settings.backoff_ms_max)
        while True:
            try:
                return self._shard.commit(events_pb2.AllocationEvent(envelope=event))
            except ShardOverloaded:
                await self._clock.sleep(backoff.next_s())
