from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.batching import Batch, Batcher


def test_a_batch_is_due_when_its_window_ends_and_not_before() -> None:
    batcher: Batcher[str] = Batcher(claims_max=1_024, window_s=0.002)
    assert batcher.next_due_s() is None
    assert batcher.add("s", 3, 11, "a", 10.000) is None
    assert batcher.add("s", 3, 12, "b", 10.001) is None
    assert batcher.next_due_s() == 10.002
    assert batcher.take_due(10.0019) == []
    (batch,) = batcher.take_due(10.002)
    assert (batch.stock_id, batch.shard, batch.person_ids, batch.waiters) == ("s", 3, [11, 12], ["a", "b"])
    assert batcher.next_due_s() is None


def test_the_claim_that_fills_a_batch_sends_it() -> None:
    batcher: Batcher[int] = Batcher(claims_max=1_024, window_s=0.002)
    sent = [batcher.add("s", 0, person, person, 0.0) for person in range(1, 1_025)]
    assert sent[:-1] == [None] * 1_023
    full = sent[-1]
    assert full is not None
    assert full.person_ids == list(range(1, 1_025))
    assert batcher.add("s", 0, 2_000, 2_000, 0.0) is None, "the next claim opens a new batch"


def test_stocks_and_shards_do_not_mix_and_the_oldest_goes_first() -> None:
    batcher: Batcher[int] = Batcher(claims_max=8, window_s=1.0)
    for shard, stock, at_s in ((1, "a", 0.0), (2, "a", 0.1), (1, "b", 0.2)):
        batcher.add(stock, shard, 5, 5, at_s)
    batcher.add("a", 2, 6, 6, 0.9)
    assert batcher.next_due_s() == 1.0
    assert [(batch.stock_id, batch.shard) for batch in batcher.take_due(1.15)] == [("a", 1), ("a", 2)]
    assert [batch.person_ids for batch in batcher.take_due(1.2)] == [[5]]


def test_only_sampled_taps_leave_their_trace_in_a_batch() -> None:
    batcher: Batcher[int] = Batcher(claims_max=3, window_s=1.0)
    batcher.add("s", 0, 1, 1, 0.0)
    batcher.add("s", 0, 2, 2, 0.0, "00-first")
    batch = batcher.add("s", 0, 3, 3, 0.0, "00-second")
    assert batch is not None
    assert batch.traceparents == ["00-first", "00-second"]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.004)), max_size=200), st.integers(1, 16))
def test_every_claim_leaves_once_in_order_and_in_time(
    claims: list[tuple[int, float]], claims_max: int
) -> None:
    batcher: Batcher[int] = Batcher(claims_max, window_s=0.002)
    now_s = 0.0
    left: list[Batch[int]] = []
    for number, (shard, pause_s) in enumerate(claims):
        now_s += pause_s
        left.extend(batcher.take_due(now_s))
        full = batcher.add("s", shard, number, number, now_s)
        left.extend([full] if full is not None else [])
    left.extend(batcher.take_due(now_s + 0.002))
    assert all(len(batch.person_ids) <= claims_max for batch in left)
    for shard in range(4):
        gone = [waiter for batch in left if batch.shard == shard for waiter in batch.waiters]
        assert gone == [number for number, (of, _) in enumerate(claims) if of == shard]
