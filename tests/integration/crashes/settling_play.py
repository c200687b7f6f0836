"""A process of settlement, and the feeds that it reads: what a season's money comes through."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self, TypeVar

from hongbao.settlement.v1 import settlement_pb2, settlement_pb2_grpc
from services.cli.bench.service_process import channels_of
from services.cli.bench.settle_feeds import FeedServer
from services.cli.bench.settle_plan import (
    POOL_FEN,
    ROUNDS,
    SPONSOR_ID,
    SettlePlan,
    decision_message,
    packet_messages,
    set_messages,
)
from services.cli.bench.settle_run import pool_hold, round_hold
from services.cli.bench.workplace import free_port
from services.cli.proofs.books import proof_of
from services.mesh.errors import ErrorKind, ServiceError
from services.settlement.domain.books import Books
from tests.integration.crashes.crash_mesh import PATIENCE_S, Nursery, Process

T = TypeVar("T")
FEED = [
    "feed.posted",
    "feed.posted@6",
    "feed.durable",
    "feed.durable@4",
    "journal.appending",
    "journal.appended",
    "snapshot.saved",
]
"""Where it dies while it posts packets and sets, some of which one event carries out together."""
PAYOUT = [
    # The pool's home divides it first, and then both shards pay, seven people at a time.
    "feed.posted",
    "feed.posted@2",
    "feed.posted@5",
    "payout.durable",
    "payout.durable@2",
    "payout.durable@4",
    "journal.appending@2",
    "journal.appended",
    "journal.appended@4",
    "feed.durable",
]
"""Where it dies while it pays the pool out."""
_POLL_S = 0.02
_REQUEST_ID = "00000000-0000-4000-8000-000000000001"


class SettlingPlay:
    """Funds, posts and pays; a process that dies on the way is followed by another on the same journals."""

    def __init__(self, nursery: Nursery, folder: Path, plan: SettlePlan, **settings: str) -> None:
        self._nursery = nursery
        self._folder = folder
        self._plan = plan
        self._settings = settings
        self._feeds = FeedServer()
        self._channels = {caller: channels_of(caller) for caller in ("operator", "allocation")}
        self._address = ""
        self._process: Process | None = None
        self._starts = 0
        self._last_seqs: dict[str, int] = {}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serves the feeds, of which nothing is told yet, and starts a process."""
        for shard in range(self._plan.sizes.allocation_shards):
            self._feeds.lay_out("allocation", shard, messages := packet_messages(self._plan, shard))
            self._last_seqs[f"allocation/{shard}"] = messages[-1].last_seq
        for shard in range(self._plan.sizes.cards_shards):
            self._feeds.lay_out("cards", shard, messages := set_messages(self._plan, shard))
            self._last_seqs[f"cards/{shard}"] = messages[-1].last_seq
        async with self._feeds.serving():
            self.start()
            try:
                yield self
            finally:
                if self._process is not None:
                    await self.kill()
                for channels in self._channels.values():
                    await channels.close()

    def start(self, point: str = "") -> None:
        """Starts a process on the journals; it dies at `point`, if there is one, as `name@times`."""
        self._starts += 1
        port = free_port()
        self._address = f"127.0.0.1:{port}"
        sizes = self._plan.sizes
        environment = {
            "HONGBAO_INSTANCE": f"settlement-{self._starts}",
            "HONGBAO_ETCD_ENDPOINTS": "",
            "HONGBAO_LISTEN_HOST": "127.0.0.1",
            "HONGBAO_LISTEN_PORT": str(port),
            "HONGBAO_SERVICE_ADDRESSES": ",".join(
                [
                    f"settlement={self._address}",
                    *(f"{service}={self._feeds.address}" for service in ("allocation", "cards", "identity")),
                ]
            ),
            "HONGBAO_JOURNAL_URL": f"sqlite:{self._folder}",
            "HONGBAO_DATABASE_URL": f"sqlite:{self._folder}",
            "HONGBAO_SETTLEMENT_SHARDS": str(sizes.settlement_shards),
            "HONGBAO_ALLOCATION_SHARDS": str(sizes.allocation_shards),
            "HONGBAO_CARDS_SHARDS": str(sizes.cards_shards),
            "HONGBAO_PEOPLE_KNOWN": "everybody",
            "HONGBAO_SNAPSHOT_EVERY_RECORDS": "5",
            "HONGBAO_RUN_PERSONS_MAX": "20",
            "HONGBAO_PAYOUT_BATCH_PERSONS": "7",
            "HONGBAO_BACKOFF_MS_MAX": "50",
            "HONGBAO_LOG_LEVEL": "warning",
            **self._settings,
        }
        if point:
            where, _, times = point.partition("@")
            environment["HONGBAO_FAILPOINTS"] = f"{where}=kill@{times or 1}"
            environment["HONGBAO_FAILPOINTS_ALLOWED"] = "1"
        log = self._folder / f"settlement-{self._starts}.log"
        pid = self._nursery.start("settlement", log, environment)
        self._process = Process("settlement", f"settlement-{self._starts}", pid, log)
        self._watch(self._process)

    async def kill(self) -> None:
        """Ends the process as a power cut would."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGKILL)
        await self._process.died.wait()
        self._process = None

    async def replace_by_victim(self, point: str) -> None:
        """Kills the process and starts one that is to die at `point`."""
        await self.kill()
        self.start(point)

    async def until_dead(self, point: str) -> None:
        """Waits until the process has died, and starts another. It must have died at the point."""
        process = self._process
        assert process is not None
        async with asyncio.timeout(PATIENCE_S):
            await process.died.wait()
        assert process.died_at(point.partition("@")[0]), process.log.read_text()
        self.start()

    async def fund(self) -> None:
        """Pays in, sets aside, and waits until all of it is where it is paid out from."""
        total_fen = self._plan.packets_fen + POOL_FEN
        deposit = settlement_pb2.DepositRequest(
            request_id=_REQUEST_ID, sponsor_id=SPONSOR_ID, amount_fen=total_fen
        )
        await self._call("operator", lambda stub: stub.Deposit(deposit, timeout=PATIENCE_S))
        holds = [*(round_hold(self._plan, number) for number in range(ROUNDS)), pool_hold()]
        for hold in holds:
            await self._call("allocation", lambda stub, hold=hold: stub.CreateHold(hold, timeout=PATIENCE_S))  # type: ignore[misc]  # a default of no type
        await self._until(lambda books: not books.in_transit_fen and bool(books.campaigns))

    async def tell_packets_and_sets(self) -> None:
        """Lets the feeds tell all of them."""
        await self._feeds.let_go("allocation")
        await self._feeds.let_go("cards")

    async def tell_decisions(self) -> None:
        """Lets the cards feeds tell that the pool is decided."""
        for shard in range(self._plan.sizes.cards_shards):
            self._feeds.lay_out("cards", shard, [message := decision_message(self._plan, shard)])
            self._last_seqs[f"cards/{shard}"] = message.last_seq
        await self._feeds.let_go("cards")

    async def until_posted(self) -> Books:
        """Waits until every feed has been posted to its end; returns the books."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                books = await self._shard_books()
                totals = [feed.total for shard in books for feed in shard.feeds]
                cursors = {total.source: total.cursor_seq for total in totals}
                if all(cursors.get(source) == seq for source, seq in self._last_seqs.items()):
                    return proof_of(books, self._plan.sizes.settlement_shards)
                await asyncio.sleep(_POLL_S)

    async def _until(self, holds: Callable[[Books], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds(proof_of(await self._shard_books(), self._plan.sizes.settlement_shards)):  # noqa: ASYNC110 - it is asked
                await asyncio.sleep(_POLL_S)

    async def _shard_books(self) -> list[settlement_pb2.ShardBooks]:
        answers = []
        for shard in range(self._plan.sizes.settlement_shards):
            request = settlement_pb2.GetShardBooksRequest(shard=shard)
            answers.append(
                await self._call(
                    "operator",
                    lambda stub, request=request: stub.GetShardBooks(request, timeout=PATIENCE_S),  # type: ignore[misc]  # a default of no type
                )
            )
        return [answer.books for answer in answers]

    async def _call(
        self, caller: str, call: Callable[[settlement_pb2_grpc.SettlementServiceAsyncStub], Awaitable[T]]
    ) -> T:
        """Asks whoever serves now, until there is an answer."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                channel = self._channels[caller].channel(self._address)
                try:
                    return await call(settlement_pb2_grpc.SettlementServiceStub(channel))
                except ServiceError as error:
                    if error.kind is not ErrorKind.UNAVAILABLE and error.reason != "SHARD_NOT_OWNED":
                        raise
                await asyncio.sleep(_POLL_S)

    def _watch(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        descriptor = os.pidfd_open(process.pid)

        def gone() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            process.died.set()

        loop.add_reader(descriptor, gone)
