"""A journal against a model of it, a plain list, under any series of what two handles may do."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import Entry, EpochFenced, Journal, JournalStore, Record, Snapshot
from services.mesh.journal.sqlite import SqliteStore
from tests.integration.mesh.journal_adapters import journal_settings

T = TypeVar("T")

HANDLES = st.integers(0, 1)
EPOCHS = st.integers(1, 4)
CALLS = st.lists(st.lists(st.binary(max_size=6), min_size=1, max_size=3), min_size=1, max_size=4)


class _JournalMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._store = self.make_store()
        self._handles: list[Journal] = [self._open(), self._open()]
        self._records: list[Record] = []
        self._epoch = 0
        self._snapshot: Snapshot | None = None

    def make_store(self) -> JournalStore:
        raise NotImplementedError

    @rule(handle=HANDLES, epoch=EPOCHS)
    def fence(self, handle: int, epoch: int) -> None:
        outcome = self._await(_outcome(self._handles[handle].fence(epoch)))
        if epoch < self._epoch:
            assert isinstance(outcome, EpochFenced)
        else:
            assert outcome == len(self._records)
            self._epoch = epoch

    @rule(handle=HANDLES, epoch=EPOCHS, calls=CALLS)
    def append(self, handle: int, epoch: int, calls: list[list[bytes]]) -> None:
        groups = [[Entry(payload, time_ms=len(payload)) for payload in call] for call in calls]
        outcomes = self._await(_all([self._handles[handle].append(epoch, group) for group in groups]))
        if epoch < self._epoch:
            assert all(isinstance(outcome, EpochFenced) for outcome in outcomes)
            return
        self._epoch = epoch
        for group, outcome in zip(groups, outcomes, strict=True):
            for entry in group:
                self._records.append(Record(len(self._records) + 1, epoch, entry.payload, entry.time_ms))
            assert outcome == len(self._records)

    @rule(handle=HANDLES, epoch=EPOCHS, state=st.binary(max_size=6))
    def save_snapshot(self, handle: int, epoch: int, state: bytes) -> None:
        snapshot = Snapshot(len(self._records), state)
        outcome = self._await(_outcome(self._handles[handle].save_snapshot(epoch, snapshot)))
        if epoch < self._epoch:
            assert isinstance(outcome, EpochFenced)
        else:
            self._epoch, self._snapshot = epoch, snapshot

    @rule(handle=HANDLES, after_seq=st.integers(0, 40), limit=st.integers(1, 10))
    def read(self, handle: int, after_seq: int, limit: int) -> None:
        found = self._await(self._handles[handle].read(after_seq, limit))
        assert found == self._records[after_seq : after_seq + limit]

    @rule(handle=HANDLES)
    def open_again(self, handle: int) -> None:
        self._await(self._handles[handle].close())
        self._handles[handle] = self._open()

    @invariant()
    def nothing_is_lost_and_nothing_is_added(self) -> None:
        for journal in self._handles:
            assert self._await(journal.last_seq()) == len(self._records)
            assert self._await(journal.read(0, 1_000)) == self._records
            assert self._await(journal.load_snapshot()) == self._snapshot

    def teardown(self) -> None:
        for journal in self._handles:
            self._await(journal.close())
        self._await(self._store.close())
        self._runner.close()

    def _open(self) -> Journal:
        return self._await(self._store.open("toys", 0))

    def _await(self, work: Awaitable[T]) -> T:
        async def wait() -> T:
            return await work

        return self._runner.run(wait())


class _MemoryMachine(_JournalMachine):
    def make_store(self) -> JournalStore:
        self._memory = MemoryStore(journal_settings())
        return self._memory

    @rule(payloads=st.lists(st.binary(max_size=6), min_size=1, max_size=3), survives=st.booleans())
    def crash_while_appending(self, payloads: list[bytes], *, survives: bool) -> None:
        entries = [Entry(payload, time_ms=1) for payload in payloads]
        epoch = max(self._epoch, 1)

        async def append_and_crash() -> int | Exception:
            appending = asyncio.ensure_future(_outcome(self._handles[0].append(epoch, entries)))
            # One turn to ask, one to begin the commit: it is then under way.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            self._memory.crash(in_flight_survives=survives)
            return await appending

        assert isinstance(self._await(append_and_crash()), Exception)
        if survives:
            self._epoch = epoch
            for payload in payloads:
                self._records.append(Record(len(self._records) + 1, epoch, payload, 1))
        self._handles = [self._open(), self._open()]


class _SqliteMachine(_JournalMachine):
    def make_store(self) -> JournalStore:
        self._folder = tempfile.TemporaryDirectory()
        return SqliteStore(Path(self._folder.name), journal_settings())

    def teardown(self) -> None:
        super().teardown()
        self._folder.cleanup()


async def _outcome(work: Awaitable[T]) -> T | Exception:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the caller looks at it
        return error


async def _all(works: list[Awaitable[int]]) -> list[int | BaseException]:
    return await asyncio.gather(*works, return_exceptions=True)


def test_a_journal_in_memory_is_a_list() -> None:
    run_state_machine_as_test(
        _MemoryMachine, settings=settings(max_examples=60, stateful_step_count=25, deadline=None)
    )


def test_a_journal_in_a_file_is_a_list() -> None:
    run_state_machine_as_test(
        _SqliteMachine, settings=settings(max_examples=15, stateful_step_count=25, deadline=None)
    )
