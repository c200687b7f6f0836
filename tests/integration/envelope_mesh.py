"""The real allocation and the real settlement on real journals, beside a social that does as told.

Both can be told to die when they are about to write a record, or when it is on the disk and nobody knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hongbao.allocation.v1 import envelope_pb2_grpc
from hongbao.settlement.v1 import events_pb2 as settlement_events_pb2
from services.allocation.settings import AllocationSettings
from services.mesh.channel import ChannelFactory
from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.journal.port import Entry, JournalStore, JournalUnavailable
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of
from services.mesh.shards.map import ShardOwner, StaticShardMap
from services.mesh.shards.router import ShardRouter
from services.settlement.__main__ import Settlement, wire
from services.settlement.domain.books import Books, prove
from services.settlement.domain.shard_books import shard_books
from services.settlement.settings import SettlementSettings
from tests.integration.allocation_mesh import SHARDS, AllocationMesh
from tests.integration.envelope_parties import ToySocial
from tests.integration.settlement_mesh import ToyFeeds, toy_services

SETTLEMENT_SHARDS = 2
T = TypeVar("T")


class MortalStore:
    """Journals in files, of processes that die at the record that they are told."""

    def __init__(self, store: JournalStore) -> None:
        self._store = store
        self.writes = 0
        """Writes since the last birth."""
        self.dies_at: int | None = None
        """The write of each life at which everything dies; None for a life without end."""
        self.knows_last = False
        """Whether the last write reaches the disk, without anybody being told."""
        self.dead = False

    async def open(self, service: str, shard: int) -> Any:
        return MortalJournal(await self._store.open(service, shard), self)

    async def close(self) -> None:
        await self._store.close()


class MortalJournal:
    """One journal of a mortal store."""

    def __init__(self, journal: Any, store: MortalStore) -> None:
        self._journal = journal
        self._store = store

    async def append(self, epoch: int, entries: Sequence[Entry], after_seq: int | None = None) -> int:
        store = self._store
        store.writes += 1
        if store.writes == store.dies_at and not store.dead:
            store.dead = True
            if store.knows_last:
                await self._journal.append(epoch, entries, after_seq)
        if store.dead:
            raise JournalUnavailable("the process died")
        last: int = await self._journal.append(epoch, entries, after_seq)
        return last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


class EnvelopeMesh(AllocationMesh):
    """One process of each service, which can die and come back."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.mortal: MortalStore

        def store(of: MeshSettings, _clock: ManualClock) -> Any:
            self.mortal = MortalStore(SqliteStore(folder, of))
            return self.mortal

        values = {"settlement_shards": SETTLEMENT_SHARDS, "cards_shards": SETTLEMENT_SHARDS}
        super().__init__(store, **values, **settings)
        self.social = ToySocial()  # type: ignore[abstract]  # the rest is not called
        self.lives = 0
        self._owners = StaticShardMap("settlement", SETTLEMENT_SHARDS)

    async def start_settlement(self) -> None:
        """Starts what lives as long as the mesh; `begin` starts the rest."""
        _, cards = toy_services(ToyFeeds(self.clock), ToyFeeds(self.clock))
        await self._serve("cards", (cards,), "cards-0")
        await self._serve("social", self.social.services(), "social-0")

    async def begin(self) -> None:
        """Starts both processes, under the next epoch."""
        self.lives += 1
        epoch, name = self.lives, f"settlement-{self.lives}"
        settings = SettlementSettings(instance=name, people_known="everybody", **self._values)
        routers = {
            "allocation": ShardRouter(self.map, clock=self.clock),
            "cards": ShardRouter(
                StaticShardMap.with_one_owner("cards", SETTLEMENT_SHARDS, "local/cards-0"), clock=self.clock
            ),
            "settlement": ShardRouter(self._owners, clock=self.clock),
        }
        channels = ChannelFactory(settings, "settlement", network=self.network)
        self._stack.push_async_callback(channels.close)
        self.books: Settlement = wire(settings, self.store, channels, routers, self.clock)
        self._stack.push_async_callback(self.books.host.close)
        server = await self._serve("settlement", self.books.services, name)
        for shard in range(SETTLEMENT_SHARDS):
            await self.books.host.take(shard, epoch)
            self._owners.assign(shard, ShardOwner(name, server.address, epoch))
        self.settlement_address = server.address
        await self.start(f"allocation-{self.lives}", epoch=epoch)

    def settlement_map(self, settings: AllocationSettings) -> StaticShardMap:  # noqa: ARG002 - as above it
        return self._owners

    async def die_and_come_back(self) -> None:
        """Ends both processes as SIGKILL does, and starts others."""
        instance = self.instances.pop(f"allocation-{self.lives}")
        self.network.cut(self.settlement_address)
        self.network.cut(instance.server.address)
        for number in range(SETTLEMENT_SHARDS):
            self._owners.assign(number, None)
            await self.pumped(self.books.host.lose(number))
        for number in range(SHARDS):
            self.map.assign(number, None)
            await self.pumped(instance.host.lose(number))
        self.mortal.dead, self.mortal.writes = False, 0
        await self.begin()

    async def call(self, attempt: Callable[[envelope_pb2_grpc.EnvelopeServiceAsyncStub], Awaitable[T]]) -> T:
        """Calls until there is an answer, as an app does that repeats its request after a failure."""
        for _ in range(50):
            stub = envelope_pb2_grpc.EnvelopeServiceStub(
                self.gateway_channels.channel(f"local/allocation-{self.lives}")
            )
            calling = asyncio.ensure_future(attempt(stub))
            while not calling.done() and not self.mortal.dead:
                await self._pump()
            if self.mortal.dead:
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)
                await self.die_and_come_back()
                continue
            try:
                return calling.result()
            except ServiceError as error:
                if error.kind not in {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE}:
                    raise
        raise AssertionError("there was never an answer")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Lets time pass until something holds, over any number of lives."""
        for _ in range(20_000):
            if self.mortal.dead:
                await self.die_and_come_back()
            if condition():
                return
            await self._pump()
        raise AssertionError(f"did not happen: {what}")

    async def pumped(self, work: Coroutine[Any, Any, T]) -> T:
        """Does something while time passes."""
        working = asyncio.ensure_future(work)
        while not working.done():
            await self._pump()
        return working.result()

    async def fill_wallets(self, person_ids: Sequence[int], amount_fen: int) -> None:
        for person_id in person_ids:
            shard = self.books.host.owned(shard_of(person_id, SETTLEMENT_SHARDS))
            event = settlement_events_pb2.SettlementEvent()
            event.transfers.add(
                transfer_id=f"deposit:{person_id}",
                debit_account_id=f"bank_clearing:{shard.number}",
                credit_account_id=f"wallet:{person_id}",
                amount_fen=amount_fen,
                code=settlement_events_pb2.TRANSFER_CODE_DEPOSIT,
            )
            await shard.commit(event)

    def wallet_fen(self, person_id: int) -> int:
        shard = self.books.host.owned(shard_of(person_id, SETTLEMENT_SHARDS))
        return shard.state.ledger.balance_fen(f"wallet:{person_id}")

    def proof(self) -> Books:
        shards = [
            shard_books(shard.number, shard.seq, shard.state.ledger, (), {})
            for shard in self.books.host.shards()
        ]
        return prove(shards, SETTLEMENT_SHARDS)

    async def _pump(self) -> None:
        # Disks need real time; the clock must not run away from a slow one.
        await asyncio.sleep(0.0005)
        await self.clock.advance(0.001)
