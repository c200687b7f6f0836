"""The load of `bench cards`: batches of deals over the real contract, and what the answers say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hongbao.cards.v1 import cards_pb2, events_pb2
from services.cli.bench.claim_load import People
from services.cli.bench.wire import byte_column, packed
from services.cli.console import Refusal
from services.mesh.errors import ErrorKind, ServiceError

SOURCES = (events_pb2.CARD_SOURCE_TAP, events_pb2.CARD_SOURCE_SHARE)
KEYS_MAX = 256
"""Different keys in one game of the bench."""
DEALT = cards_pb2.DEAL_OUTCOME_DEALT
ALREADY_DEALT = cards_pb2.DEAL_OUTCOME_ALREADY_DEALT
LATER = cards_pb2.DEAL_OUTCOME_NOT_RELEASED
"""After this an item is sent again."""
CALL_TIMEOUT_S = 60.0
STALL_S = 60.0
"""Longest time in which a batch gets nothing but the advice to come later."""
_LATER_PAUSE_S = 0.02
_DOWN_PAUSE_S = 0.05
_DOWN = {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE, ErrorKind.EXHAUSTED, ErrorKind.PRECONDITION}


@dataclass(frozen=True, slots=True)
class DealBatch:
    """Deals that go out together."""

    campaign_id: str
    shard: int
    key: int
    """Number of what earned the cards, below `KEYS_MAX`; also decides the source."""
    people: People
    has_own_keys: bool = False
    """Whether each deal has a key text of its own, as shares have; else all have the same, as in a round."""

    def encoded(self) -> bytes:
        """As the contract has it on the wire."""
        head = cards_pb2.DealBatchRequest(
            campaign_id=self.campaign_id,
            shard=self.shard,
            source=source_of(self.key),
            source_keys=self.key_texts(),
        ).SerializeToString()
        return head + packed(cards_pb2.DealBatchRequest.PERSON_IDS_FIELD_NUMBER, self.people)

    def key_texts(self) -> list[str]:
        """One for all, or one for each."""
        if self.has_own_keys:
            return [f"k{self.key}/{person_id}" for person_id in self.people.tolist()]
        return [f"k{self.key}"]


def source_of(key: int) -> events_pb2.CardSource.ValueType:
    """Every other key is of the other source."""
    return SOURCES[key % len(SOURCES)]


@dataclass(slots=True)
class Told:
    """What people were told: a row for each deal that came with a card."""

    outcomes: list[NDArray[np.uint8]] = field(default_factory=list)
    deals: list[NDArray[np.int64]] = field(default_factory=list)
    """Person and key in one number; see `deal_numbers`."""
    cards: list[NDArray[np.uint8]] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    later: int = 0
    """Items that were told to come later."""
    took_s: float = 0.0

    def count(self, outcome: int) -> int:
        """How many items ended in an outcome."""
        return int(sum((column == outcome).sum() for column in self.outcomes))

    @property
    def dealt(self) -> int:
        """Cards that are new."""
        return self.count(DEALT)

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
        """Deals and their cards, without those that got none."""
        deals, cards = np.concatenate(self.deals), np.concatenate(self.cards)
        return deals[cards != 0], cards[cards != 0]


def deal_numbers(people: People, key: int) -> NDArray[np.int64]:
    """Person and key in one number."""
    return people * KEYS_MAX + key


async def send_deals(
    call: Any, batches: Iterable[DealBatch], window: int, progress: Callable[[int], None], told: Told
) -> None:
    """Sends batches, so many at a time, and keeps what the answers say; as long as it takes, each to its end.

    What is told to come later comes again, and what meets a process that has died is sent to the next one.
    `progress` hears of every item that has its answer. Raises `Refusal` when a batch gets nowhere.
    """
    waiting = iter(batches)
    begun_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(window):
            group.create_task(_work(call, waiting, told, progress))
    told.took_s += time.perf_counter() - begun_s


async def _work(call: Any, waiting: Iterator[DealBatch], told: Told, progress: Callable[[int], None]) -> None:
    for batch in waiting:
        people, since_s = batch.people, time.perf_counter()
        while len(people):
            sent = DealBatch(batch.campaign_id, batch.shard, batch.key, people, batch.has_own_keys)
            begun_s = time.perf_counter()
            outcomes, cards = read_answer(await _patiently(call, sent.encoded(), since_s))
            told.latencies_s.append(time.perf_counter() - begun_s)
            is_later = outcomes == LATER
            if not is_later.any():
                _keep(told, outcomes, people, batch.key, cards)
                progress(len(people))
                break
            _keep(told, outcomes[~is_later], people[~is_later], batch.key, cards[~is_later])
            told.later += int(is_later.sum())
            if not is_later.all():
                since_s = time.perf_counter()
            progress(int((~is_later).sum()))
            people = people[is_later]
            _check_stall(since_s, f"{len(people)} deals of shard {batch.shard} are always told to come later")
            await asyncio.sleep(_LATER_PAUSE_S)


def _keep(
    told: Told, outcomes: NDArray[np.uint8], people: People, key: int, cards: NDArray[np.uint8]
) -> None:
    told.outcomes.append(outcomes)
    told.deals.append(deal_numbers(people, key))
    told.cards.append(cards)


async def _patiently(call: Any, request: bytes, since_s: float) -> bytes:
    """The answer, from whichever process gives it."""
    while True:
        try:
            answer: bytes = await call(request, timeout=CALL_TIMEOUT_S)
        except ServiceError as error:
            if error.kind not in _DOWN:
                raise
            _check_stall(since_s, f"a batch of deals is always answered: {error}")
            await asyncio.sleep(_DOWN_PAUSE_S)
        else:
            return answer


def _check_stall(since_s: float, words: str) -> None:
    if time.perf_counter() - since_s > STALL_S:
        raise Refusal(words)


def read_answer(answer: bytes) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Outcomes and cards, without an object for each: all of their numbers are small."""
    outcomes, place = byte_column(answer, 0, cards_pb2.DealBatchResponse.OUTCOMES_FIELD_NUMBER)
    cards, _ = byte_column(answer, place, cards_pb2.DealBatchResponse.CARDS_FIELD_NUMBER)
    return outcomes, cards


def batches_of(
    campaign_id: str, people: Sequence[People], keys: Iterable[int], size: int, *, has_own_keys: bool = False
) -> list[DealBatch]:
    """One card for everybody and each key; the shards take turns."""
    return [
        DealBatch(campaign_id, shard, key, theirs[start : start + size], has_own_keys)
        for key in keys
        for start in range(0, max(map(len, people), default=0), size)
        for shard, theirs in enumerate(people)
        if start < len(theirs)
    ]
