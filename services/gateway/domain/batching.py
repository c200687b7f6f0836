"""Which claims go together: one batch for each shard of a stock, sent when full or when its window ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

WaiterT = TypeVar("WaiterT")


@dataclass(slots=True)
class Batch(Generic[WaiterT]):
    """Claims on one shard's part of one stock, in the order of their taps: columns of equal length."""

    stock_id: str
    shard: int
    due_s: float
    """When it is sent at the latest, by the monotonic clock."""
    person_ids: list[int] = field(default_factory=list)
    waiters: list[WaiterT] = field(default_factory=list)
    traceparents: list[str] = field(default_factory=list)
    """Of the sampled taps among them."""


class Batcher(Generic[WaiterT]):
    """Collects claims. Takes the time as an argument, and never waits."""

    def __init__(self, claims_max: int, window_s: float) -> None:
        self._claims_max = claims_max
        self._window_s = window_s
        # In the order in which they are due, because every window is equally long.
        self._open: dict[tuple[str, int], Batch[WaiterT]] = {}

    def add(
        self, stock_id: str, shard: int, person_id: int, waiter: WaiterT, now_s: float, traceparent: str = ""
    ) -> Batch[WaiterT] | None:
        """Puts a claim into its batch; returns the batch when that has filled it, to be sent at once."""
        lane = (stock_id, shard)
        batch = self._open.get(lane)
        if batch is None:
            batch = self._open[lane] = Batch(stock_id, shard, now_s + self._window_s)
        batch.person_ids.append(person_id)
        batch.waiters.append(waiter)
        if traceparent:
            batch.traceparents.append(traceparent)
        if len(batch.person_ids) < self._claims_max:
            return None
        return self._open.pop(lane)

    def take_due(self, now_s: float) -> list[Batch[WaiterT]]:
        """Removes and returns the batches whose window has ended, the oldest first."""
        due = [(lane, batch) for lane, batch in self._open.items() if batch.due_s <= now_s]
        for lane, _ in due:
            del self._open[lane]
        return [batch for _, batch in due]

    def next_due_s(self) -> float | None:
        """When the next window ends, by the monotonic clock; None when nothing waits."""
        for batch in self._open.values():
            return batch.due_s
        return None
