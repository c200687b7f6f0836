"""The hash chain of a shard's records: what it is, and that recovery finds what was altered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mesh.clock import ManualClock
from services.mesh.journal.chain import Chain
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Entry, Record
from services.mesh.shards.host import JournalBroken
from tests.unit.mesh.toys import SERVICE, said, say, toy_host, toy_settings, until

Alter = Callable[[list[Record]], None]


def test_a_digest_is_what_the_readme_says() -> None:
    first = hashlib.sha256(
        bytes(32) + b"settlement/3\0" + (1).to_bytes(8, "big") + (1_000).to_bytes(8, "big") + b"payload"
    ).digest()
    second = hashlib.sha256(
        first + b"settlement/3\0" + (2).to_bytes(8, "big") + (1_001).to_bytes(8, "big") + b""
    ).digest()
    chain = Chain("settlement", 3)
    assert (chain.extended(1_000, b"payload"), chain.extended(1_001, b"")) == (first, second)
    assert (chain.seq, chain.digest) == (2, second)


@given(st.lists(st.tuples(st.integers(0, 2**40), st.binary(max_size=20)), min_size=1, max_size=8), st.data())
def test_no_field_of_no_record_can_change_unnoticed(
    written: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    chain = Chain("toys", 0)
    records = [
        Record(seq, 1, payload, time_ms, "", chain.extended(time_ms, payload))
        for seq, (time_ms, payload) in enumerate(written, start=1)
    ]
    assert _first_broken(records) is None
    place = data.draw(st.integers(0, len(records) - 1))
    alter = data.draw(
        st.sampled_from(
            [
                lambda record: replace(record, payload=record.payload + b"0"),
                lambda record: replace(record, time_ms=record.time_ms + 1),
                lambda record: replace(record, digest=bytes(32)),
                lambda record: replace(record, digest=b""),
            ]
        )
    )
    altered = [*records[:place], alter(records[place]), *records[place + 1 :]]
    if altered[0].digest == b"" and len(altered) == 1:
        # A journal of one record without a digest is one of the first release.
        assert _first_broken(altered) is None
    elif altered[0].digest == b"":
        # So is the first of several: its digest is computed, and is the one that was taken away.
        assert _first_broken(altered) is None
        assert _first_broken([replace(altered[0], payload=b"other" * 5), *altered[1:]]) == 2
    else:
        assert _first_broken(altered) == place + 1


async def test_what_a_host_writes_is_chained_over_handoffs_and_crashes() -> None:
    store = MemoryStore(toy_settings())
    for epoch, ending in enumerate(("give", "lose", "crash", "give"), start=1):
        host = toy_host(store, toy_settings(snapshot_every_records=3), chained=True)
        await host.take(0, epoch)
        await say(host.owned(0), f"word {epoch}", "another")
        digest = host.owned(0).digest
        if ending == "crash":
            store.crash()
        else:
            await getattr(host, ending)(0)
        await host.close()
    records = await _records(store)
    assert len(records) == 8
    assert _first_broken(records) is None
    assert records[-1].digest == digest


async def test_a_host_without_a_chain_writes_no_digests() -> None:
    store = MemoryStore(toy_settings())
    host = toy_host(store)
    await host.take(0, 1)
    await say(host.owned(0), "word")
    assert host.owned(0).digest == b""
    assert [record.digest for record in await _records(store)] == [b""]


@pytest.mark.parametrize("chained_before", [0, 2, 5])
@pytest.mark.parametrize("snapshot_every", [2, 100])
async def test_records_of_the_first_release_are_part_of_the_chain(
    chained_before: int, snapshot_every: int
) -> None:
    # What was written without digests, and then with some, gives the same chain in the end.
    store, knobs = MemoryStore(toy_settings()), toy_settings(snapshot_every_records=snapshot_every)
    first = toy_host(store, knobs)
    await first.take(0, 1)
    await say(first.owned(0), *"abcde"[: 5 - chained_before or 1])
    await first.give(0)
    second = toy_host(store, knobs, chained=True)
    await second.take(0, 2)
    await say(second.owned(0), *"fghij")
    await second.give(0)
    third = toy_host(store, knobs, chained=True)
    await third.take(0, 3)
    chain = Chain(SERVICE, 0)
    for record in await _records(store):
        assert chain.follow(record)
    assert third.owned(0).digest == chain.digest


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (lambda records: _put(records, 3, payload=b"\n\x01X"), 4),
        (lambda records: _put(records, 3, time_ms=records[3].time_ms + 1), 4),
        (lambda records: _put(records, 3, digest=bytes(32)), 4),
        (lambda records: _put(records, 3, digest=b""), 4),
        (lambda records: records.__setitem__(slice(3, 5), [records[4], records[3]]), 4),
    ],
)
@pytest.mark.parametrize("batch", [1, 3, 100])
async def test_recovery_refuses_a_journal_that_was_altered_and_names_the_record(
    alter: Alter, named: int, batch: int
) -> None:
    store = await _six_words()
    alter(store._disks[SERVICE, 0].records)
    for seq, record in enumerate(store._disks[SERVICE, 0].records, start=1):
        store._disks[SERVICE, 0].records[seq - 1] = replace(record, seq=seq)
    host = toy_host(store, toy_settings(replay_batch_records=batch), chained=True)
    with pytest.raises(JournalBroken, match=f"record {named} is not what was written") as broken:
        await host.take(0, 2)
    assert broken.value.metadata["seq"] == str(named)


async def test_recovery_from_a_snapshot_checks_what_comes_after_it() -> None:
    store = await _six_words(snapshot_every=4)
    records = store._disks[SERVICE, 0].records
    snapshot = store._disks[SERVICE, 0].snapshot
    assert snapshot is not None
    assert snapshot.seq == 4
    _put(records, 4, payload=b"\n\x01X")
    with pytest.raises(JournalBroken, match="record 5 is not"):
        await toy_host(store, chained=True).take(0, 2)


async def test_a_shard_that_was_loaded_ahead_goes_on_with_its_chain() -> None:
    store = await _six_words()
    heir = toy_host(store, chained=True)
    await heir.warm(0)
    owner = toy_host(store, chained=True)
    await owner.take(0, 2)
    await say(owner.owned(0), "g")
    await owner.lose(0)
    await heir.take(0, 3)
    await say(heir.owned(0), "h")
    assert said(heir.owned(0).state) == list("abcdefgh")
    assert _first_broken(await _records(store)) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 7))
def test_wherever_the_chain_begins_and_the_snapshot_is_the_tip_is_the_same(
    every: int, batch: int, unchained: int
) -> None:
    async def run() -> bytes:
        knobs = toy_settings(snapshot_every_records=every, replay_batch_records=batch)
        store = MemoryStore(knobs)
        journal = await store.open(SERVICE, 0)
        if unchained:
            await journal.append(1, [Entry(b"\n\x01a", time_ms=1)] * unchained)
        for epoch in (2, 3):
            host = toy_host(store, knobs, chained=True)
            await host.take(0, epoch)
            await say(host.owned(0), *"bcd")
            tip = host.owned(0).digest
            await host.close()
        chain = Chain(SERVICE, 0)
        for record in await journal.read(0, 100):
            assert chain.follow(record)
        assert chain.digest == tip
        return tip

    assert asyncio.run(run())


async def _six_words(snapshot_every: int = 100) -> MemoryStore:
    store = MemoryStore(toy_settings())
    host = toy_host(store, toy_settings(snapshot_every_records=snapshot_every), chained=True)
    await host.take(0, 1)
    await say(host.owned(0), *"abcd")
    if snapshot_every == 4:
        await until(lambda: store._disks[SERVICE, 0].snapshot is not None, ManualClock())
    await say(host.owned(0), *"ef")
    await host.lose(0)
    return store


async def _records(store: MemoryStore) -> list[Record]:
    return await (await store.open(SERVICE, 0)).read(0, 1_000)


def _first_broken(records: list[Record]) -> int | None:
    chain = Chain("toys", 0)
    return next((record.seq for record in records if not chain.follow(record)), None)


def _put(records: list[Record], place: int, **fields: object) -> None:
    records[place] = replace(records[place], **fields)  # type: ignore[arg-type]  # the tests' own names
