"""Gifts across shards, full circle: offered, accepted at the receiver's shard, and in the receiver's hand."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hongbao.cards.v1 import events_pb2, exchanges_pb2, exchanges_pb2_grpc
from services.cli.bench.cards_load import DEALT, KEYS_MAX, Told, batches_of, send_deals
from services.cli.bench.cards_mesh import CALL_TIMEOUT_S, CardsMesh, GamePlan
from services.cli.bench.claim_load import People
from services.cli.console import Refusal
from services.cli.local_mesh.process import ProcessFailed

GIFTS_AT_ONCE = 1_024
"""As many as the contract allows."""
_DONE = exchanges_pb2.EXCHANGE_OUTCOME_DONE
_UNAVAILABLE = exchanges_pb2.EXCHANGE_OUTCOME_UNAVAILABLE
_ATTEMPTS = 20
_POLL_S = 0.02
ARRIVAL_TIMEOUT_S = 60.0


@dataclass(slots=True)
class GiftResult:
    """What the gifts came to."""

    gifts: int
    took_s: float = 0.0
    """From the first offer until the last card was in its receiver's hand, durably."""
    cpu_s: float = 0.0
    """Processor time of cards for them, all threads."""
    misplaced: int = 0
    """Cards that are not in a hand of the shard they were given to."""


@dataclass(frozen=True, slots=True)
class GiftBatch:
    """Gifts from one shard to another; everybody gives the one card that they have, and gets one."""

    giver_shard: int
    givers: People
    cards: NDArray[np.uint8]
    receiver_shard: int
    receivers: People


async def run_gifts(mesh: CardsMesh, plan: GamePlan, people: Sequence[People], window: int) -> GiftResult:
    """Deals everybody a card, and has each given to somebody on the next shard.

    Raises `ProcessFailed` when a card is not dealt, offered or accepted, or does not arrive.
    """
    cards = await _deal_one_each(mesh, plan.campaign_id, people, window)
    result = GiftResult(sum(map(len, people)))
    waiting = iter(list(_batches(people, cards)))
    cpu_s, begun_s = mesh.cards.cpu_s, time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(window):
            group.create_task(_give(mesh, plan.campaign_id, waiting))
    await _until_arrived(mesh, plan.campaign_id, result.gifts)
    result.took_s = time.perf_counter() - begun_s
    result.cpu_s = mesh.cards.cpu_s - cpu_s
    result.misplaced = await _misplaced(mesh, plan.campaign_id, people)
    return result


async def _deal_one_each(
    mesh: CardsMesh, campaign_id: str, people: Sequence[People], window: int
) -> list[NDArray[np.uint8]]:
    told = Told()
    batches = batches_of(campaign_id, people, [0], GIFTS_AT_ONCE)
    await send_deals(mesh.deal_call, batches, window, lambda _: None, told)
    if told.count(DEALT) != sum(map(len, people)):
        raise ProcessFailed(f"{told.count(DEALT)} of {sum(map(len, people))} people were dealt a card")
    deals, cards = told.columns()
    order = np.argsort(deals)
    deals, cards = deals[order] // KEYS_MAX, cards[order]
    return [cards[np.searchsorted(deals, theirs)] for theirs in people]


def _batches(people: Sequence[People], cards: Sequence[NDArray[np.uint8]]) -> Iterator[GiftBatch]:
    """In turns over the shards."""
    for start in range(0, max(map(len, people)), GIFTS_AT_ONCE):
        for shard, givers in enumerate(people):
            to_shard = (shard + 1) % len(people)
            end = start + GIFTS_AT_ONCE
            yield GiftBatch(
                shard, givers[start:end], cards[shard][start:end], to_shard, people[to_shard][start:end]
            )


async def _give(mesh: CardsMesh, campaign_id: str, waiting: Iterator[GiftBatch]) -> None:
    stub = exchanges_pb2_grpc.ExchangeServiceStub(mesh.operator.channel(mesh.cards.address))
    for batch in waiting:
        await _accept(stub, campaign_id, batch, await _offer(stub, campaign_id, batch))


async def _offer(
    stub: exchanges_pb2_grpc.ExchangeServiceAsyncStub, campaign_id: str, batch: GiftBatch
) -> Sequence[str]:
    """Offers the cards, and returns the exchanges."""
    answer = await stub.OfferBatch(
        exchanges_pb2.OfferBatchRequest(
            campaign_id=campaign_id,
            shard=batch.giver_shard,
            from_person_ids=batch.givers.tolist(),
            to_person_ids=batch.receivers.tolist(),
            cards=[events_pb2.Card.ValueType(card) for card in batch.cards.tolist()],
            request_ids=b"".join(uuid.uuid4().bytes for _ in batch.givers),
        ),
        timeout=CALL_TIMEOUT_S,
    )
    _check(answer.outcomes, "offered")
    return answer.exchange_ids


async def _accept(
    stub: exchanges_pb2_grpc.ExchangeServiceAsyncStub,
    campaign_id: str,
    batch: GiftBatch,
    exchange_ids: Sequence[str],
) -> None:
    request = exchanges_pb2.AcceptBatchRequest(
        campaign_id=campaign_id,
        shard=batch.receiver_shard,
        person_ids=batch.receivers.tolist(),
        exchange_ids=exchange_ids,
    )
    for _ in range(_ATTEMPTS):
        answer = await stub.AcceptBatch(request, timeout=CALL_TIMEOUT_S)
        if _UNAVAILABLE not in answer.outcomes:
            break
        await asyncio.sleep(_POLL_S)
    _check(answer.outcomes, "accepted")


def _check(outcomes: Sequence[exchanges_pb2.ExchangeOutcome.ValueType], verb: str) -> None:
    others = {outcome for outcome in outcomes if outcome != _DONE}
    if others:
        names = ", ".join(sorted(exchanges_pb2.ExchangeOutcome.Name(outcome) for outcome in others))
        raise ProcessFailed(f"not all gifts were {verb}: {names}")


async def _until_arrived(mesh: CardsMesh, campaign_id: str, gifts: int) -> None:
    """Waits until so many cards have arrived; the feeds bring them."""
    try:
        async with asyncio.timeout(ARRIVAL_TIMEOUT_S):
            while await _received(mesh, campaign_id) < gifts:  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        arrived = await _received(mesh, campaign_id)
        raise Refusal(f"{arrived:,} of {gifts:,} gifts have arrived, and no more come") from None


async def _received(mesh: CardsMesh, campaign_id: str) -> int:
    return sum(card.received for part in await mesh.figures(campaign_id) for card in part.cards)


async def _misplaced(mesh: CardsMesh, campaign_id: str, people: Sequence[People]) -> int:
    """Everybody gave one and got one: each shard's hands have as many cards as it has people."""
    parts = await mesh.figures(campaign_id)
    return sum(
        abs(sum(card.held for card in part.cards) - len(theirs))
        for part, theirs in zip(parts, people, strict=True)
    )
