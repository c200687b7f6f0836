"""Claims on their way to the owners: collected, sent in batches, sent again where ownership moved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from hongbao.allocation.v1 import allocation_pb2
from services.gateway.adapters.claim_streams import ClaimStreams
from services.gateway.domain.batching import Batch, Batcher
from services.gateway.domain.desk import Answer
from services.gateway.domain.errors import ClaimUnanswered, RoundUnknown
from services.gateway.domain.figures import Figures, Outcome
from services.gateway.domain.winners import Packet
from services.gateway.settings import GatewaySettings
from services.mesh.background import start_background
from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.logs import get_logger
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import traceparent

_Waiter = asyncio.Future[Answer | ServiceError]
_log = get_logger("gateway.claims")

_OUTCOMES = {
    allocation_pb2.CLAIM_OUTCOME_WON: Outcome.WON,
    allocation_pb2.CLAIM_OUTCOME_ALREADY_WON: Outcome.ALREADY_WON,
    allocation_pb2.CLAIM_OUTCOME_SOLD_OUT: Outcome.SOLD_OUT,
    allocation_pb2.CLAIM_OUTCOME_NOT_RELEASED: Outcome.MISS,
    allocation_pb2.CLAIM_OUTCOME_NOT_OPEN: Outcome.NOT_OPEN,
    allocation_pb2.CLAIM_OUTCOME_CLOSED: Outcome.CLOSED,
}
_WITHOUT_PACKET = {number: Answer(outcome) for number, outcome in _OUTCOMES.items()}
_PACKETS = (allocation_pb2.CLAIM_OUTCOME_WON, allocation_pb2.CLAIM_OUTCOME_ALREADY_WON)


class ClaimPipeline:
    """Batches claims by shard and stock. The number of those who wait is the caller's to bound."""

    def __init__(
        self,
        settings: GatewaySettings,
        router: ShardRouter,
        streams: ClaimStreams,
        figures: Figures,
        clock: Clock,
    ) -> None:
        self._router = router
        self._streams = streams
        self._figures = figures
        self._clock = clock
        self._timeout_s = settings.gateway_claim_timeout_ms / 1000
        self._batcher: Batcher[_Waiter] = Batcher(
            settings.gateway_batch_claims_max, settings.gateway_batch_window_ms / 1000
        )
        self._flusher: asyncio.Task[None] | None = None

    async def claim(self, stock_id: str, shard: int, person_id: int) -> Answer:
        """See `Claims.claim`."""
        waiter: _Waiter = asyncio.get_running_loop().create_future()
        batch = self._batcher.add(
            stock_id, shard, person_id, waiter, self._clock.monotonic_s(), traceparent()
        )
        if batch is not None:
            self._send(batch)
        elif self._flusher is None:
            self._flusher = start_background(self._flush(), "flush claims")
        answer = await waiter
        if isinstance(answer, ServiceError):
            # One error answers a whole batch; its traceback must not grow with every raise.
            raise answer.with_traceback(None)
        return answer

    async def _flush(self) -> None:
        """Sends what is due until nothing waits."""
        while (due_s := self._batcher.next_due_s()) is not None:
            await self._clock.sleep(due_s - self._clock.monotonic_s())
            for batch in self._batcher.take_due(self._clock.monotonic_s()):
                self._send(batch)
        self._flusher = None

    def _send(self, batch: Batch[_Waiter]) -> None:
        start_background(self._deliver(batch), "claim batch")

    async def _deliver(self, batch: Batch[_Waiter]) -> None:
        answers: Sequence[Answer | ServiceError]
        try:
            response = await self._ask(batch)
            answers = _answers(response)
        except ServiceError as error:
            answers = [_as_seen_by_players(error, batch)] * len(batch.waiters)
        except BaseException:
            # Nobody may wait for ever, whatever broke.
            for waiter in batch.waiters:
                waiter.cancel()
            raise
        for waiter, answer in zip(batch.waiters, answers, strict=True):
            if not waiter.done():
                waiter.set_result(answer)

    async def _ask(self, batch: Batch[_Waiter]) -> Any:
        attempts = 0

        async def attempt(address: str, timeout_s: float) -> Any:
            nonlocal attempts
            attempts += 1
            self._figures.count_batch(len(batch.person_ids), is_repeat=attempts > 1)
            return await self._streams.ask(address, batch, timeout_s)

        return await self._router.call(batch.shard, attempt, self._timeout_s)


def _answers(response: Any) -> list[Answer | ServiceError]:
    """One answer for each claim, from the columns."""
    return [
        Answer(_OUTCOMES[outcome], Packet(amount_fen, packet_index))
        if outcome in _PACKETS
        else _WITHOUT_PACKET[outcome]
        for outcome, amount_fen, packet_index in zip(
            response.outcomes, response.amounts_fen, response.packet_indexes, strict=True
        )
    ]


def _as_seen_by_players(error: ServiceError, batch: Batch[_Waiter]) -> ServiceError:
    if error.kind is ErrorKind.UNAVAILABLE:
        _log.warning("claims unanswered", stock_id=batch.stock_id, shard=batch.shard, reason=error.reason)
        return ClaimUnanswered(
            "the owner of the shard did not answer in time", stock_id=batch.stock_id, shard=batch.shard
        )
    if error.reason == "STOCK_UNKNOWN":
        campaign_id, _, round_id = batch.stock_id.partition(".")
        return RoundUnknown(
            f"the owner does not know round {round_id} of {campaign_id}",
            campaign_id=campaign_id,
            round_id=round_id,
        )
    return error
