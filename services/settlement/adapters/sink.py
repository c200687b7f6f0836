"""Feeds into the ledger: each record's effect and its position become durable as one event."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.feed.port import FeedRecord
from services.mesh.logs import get_logger
from services.mesh.metrics import REGISTRY
from services.mesh.shards.host import Shard
from services.mesh.shards.pending import record_bytes_max
from services.mesh.telemetry import traceparent
from services.settlement.domain.effects import checkpoint, next_effect
from services.settlement.domain.errors import Contradiction, FundsInTransit
from services.settlement.domain.runs import next_run
from services.settlement.domain.shard_books import FeedHalt
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings

_log = get_logger("settlement.feed")
_PERSON_BYTES = 20
"""What a person in an event takes at most, with room for what stands around: id, amount of up to 10 bytes."""
_TRACE_ID_END = len("00-") + 32
"""Up to here a traceparent names its trace."""

POSTED = Counter(
    "hongbao_settlement_feed_posted_fen", "Money posted because of a feed.", ["source"], registry=REGISTRY
)
CONTRADICTED = Gauge(
    "hongbao_settlement_feed_stopped",
    "1 while a feed is stopped at a record that contradicts the books.",
    ["source", "shard"],
    registry=REGISTRY,
)


@dataclass(slots=True)
class FeedHalts:
    """The feeds of one shard that do not go on, and why: shown in the books."""

    by_source: dict[str, FeedHalt]


class LedgerSink:
    """Applies feeds to one shard.

    Money in transit is waited for. A record that contradicts the books stops its feed until the shard is
    taken anew; nothing else is ever posted in its place.
    """

    def __init__(
        self,
        shard: Shard[SettlementState],
        halts: FeedHalts,
        clock: Clock,
        settings: SettlementSettings,
        stop: Callable[[str], None],
    ) -> None:
        """Wires a sink; `stop` is called with the source of a feed that must not be read any more."""
        self._shard = shard
        self._halts = halts
        self._clock = clock
        self._settings = settings
        self._stop = stop
        self._skipped: dict[str, int] = {}
        self._unfolded = 0
        """Credits since a snapshot was last asked for."""
        self._persons_max = min(settings.run_persons_max, record_bytes_max(settings) // _PERSON_BYTES)

    async def cursor(self, source: str) -> int:
        """See `FeedSink.cursor`. Records without effect count as soon as they were seen."""
        return max(self._skipped.get(source, 0), self._durable_cursor(source))

    async def apply(self, source: str, records: Sequence[FeedRecord]) -> None:
        """See `FeedSink.apply`. Raises `FundsInTransit` after a bounded wait, and `Contradiction`."""
        offered = [(record.seq, record.event) for record in records]
        applied = 0
        while applied < len(records):
            run = next_run(self._shard.state, source, offered[applied:], self._persons_max)
            if run is None:
                await self._apply_record(source, records[applied])
                applied += 1
            else:
                self._commit(run.event, _first_trace(records[applied : applied + run.records]))
                self._halts.by_source.pop(source, None)
                applied += run.records
        last_seq = records[-1].seq
        self._skipped[source] = last_seq
        if last_seq - self._durable_cursor(source) >= self._settings.feed_skip_records:
            self._shard.commit(checkpoint(source, last_seq))
        await self._shard.settled()
        failpoint("feed.durable")

    async def _apply_record(self, source: str, record: FeedRecord) -> None:
        while (effect := await self._effect(source, record)) is not None:
            durable = self._commit(effect, _trace_of(record.trace_context))
            if effect.position.more:
                # A payout is long: it must not fill the queue to the disk that others need too.
                await durable
                failpoint("payout.durable")

    def _commit(self, effect: pb.SettlementEvent, trace_context: str) -> Awaitable[int]:
        durable = self._shard.commit(effect, trace_context)
        failpoint("feed.posted")
        POSTED.labels(effect.position.source).inc(effect.position.reported_fen)
        # A journal of few records that each pay thousands is short, and takes long to fold.
        self._unfolded += sum(len(columns.person_ids) for columns in effect.wallet_credits)
        if self._unfolded >= self._settings.snapshot_every_credits:
            self._unfolded = 0
            self._shard.snapshot_soon()
        return durable

    async def _effect(self, source: str, record: FeedRecord) -> pb.SettlementEvent | None:
        """The record's next effect, as soon as the money for it is here."""
        ends_s = self._clock.monotonic_s() + self._settings.funds_wait_ms / 1000
        while True:
            # Read before the state: what becomes durable in between must not be waited for.
            seen = self._shard.durable_seq
            try:
                effect = next_effect(
                    self._shard.state, source, record.seq, record.event, self._settings.payout_batch_persons
                )
            except FundsInTransit as waiting:
                self._halt(source, waiting, record, stopped=False)
                patience_s = ends_s - self._clock.monotonic_s()
                if patience_s <= 0 or not await self._shard.wait_beyond(seen, patience_s):
                    raise
            except Contradiction as contradiction:
                await self._confirm_ownership()
                self._halt(source, contradiction, record, stopped=True)
                CONTRADICTED.labels(source, self._shard.number).set(1)
                _log.error("feed_stopped", source=source, seq=record.seq, contradiction=str(contradiction))
                self._stop(source)
                raise
            else:
                self._halts.by_source.pop(source, None)
                return effect

    async def _confirm_ownership(self) -> None:
        """Raises `ShardLost` when the shard has another owner.

        Then these books are old: what contradicts them, such as a share of an envelope whose money the other
        owner holds, proves nothing. Only the owner's records are kept, also those without content.
        """
        self._shard.commit(pb.SettlementEvent())
        await self._shard.settled()

    def _halt(
        self, source: str, error: FundsInTransit | Contradiction, record: FeedRecord, *, stopped: bool
    ) -> None:
        before = self._halts.by_source.get(source)
        if before is not None and before.seq == record.seq and before.stopped == stopped:
            return
        halt = FeedHalt(record.seq, self._clock.now_ms(), error.message, stopped)
        self._halts.by_source[source] = halt

    def _durable_cursor(self, source: str) -> int:
        cursor = self._shard.state.ledger.cursors.get(source)
        return 0 if cursor is None else cursor.seq


def _first_trace(records: Sequence[FeedRecord]) -> str:
    """What the effect of several records is traced under: the first of their traces."""
    return _trace_of(next((record.trace_context for record in records if record.trace_context), ""))


def _trace_of(trace_context: str) -> str:
    """What the effect of a record is traced under: the span that applies it.

    So the next reader hangs below this service, not beside it. Of a batch with several sampled records only
    the first one's span is current; the others stay in their own trace, below the span that they came with.
    """
    applying = traceparent()
    same_trace = applying[:_TRACE_ID_END] == trace_context[:_TRACE_ID_END]
    return applying if same_trace else trace_context
