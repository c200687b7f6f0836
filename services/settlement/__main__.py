"""Starts the settlement service: `python -m services.settlement`."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from hongbao.settlement.v1 import settlement_pb2_grpc, statements_pb2_grpc, transfers_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock, SystemClock
from services.mesh.etcd.connect import connect
from services.mesh.journal.port import JournalStore
from services.mesh.journal.store import store_from_url
from services.mesh.logs import start_logging
from services.mesh.owner import serve_as_owner
from services.mesh.server import MeshServer, Service, run
from services.mesh.settings import load
from services.mesh.shards.directory import Directory
from services.mesh.shards.host import ShardHost
from services.mesh.shards.router import ShardRouter
from services.mesh.shards.routers import open_directory, open_routers
from services.mesh.telemetry import start_telemetry
from services.settlement.adapters.hosting import FeedReaders, ShardCompanion, host_settlement
from services.settlement.adapters.packets import PacketsAtAllocation
from services.settlement.adapters.people_news import PeopleNews
from services.settlement.adapters.rail.opening import forgetful_bank, open_bank
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.adapters.sources import FeedSources
from services.settlement.adapters.statements.projector import StatementProjector
from services.settlement.adapters.statements.statements import Statements
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.api.settlement import SettlementServicer
from services.settlement.api.shards import OwnedShards
from services.settlement.api.statements import StatementServicer
from services.settlement.api.transfers import TransferServicer
from services.settlement.disputing import Disputing
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.bank_statement import BankStatement
from services.settlement.tasks.pending_expiry import PendingExpiry
from services.settlement.tasks.waiting_keeper import WaitingKeeper
from services.settlement.withdrawing import Withdrawing


@dataclass(frozen=True, slots=True)
class Settlement:
    """What is wired: what it serves, and the shards that it can hold."""

    services: tuple[Service, ...]
    host: ShardHost[SettlementState]


def wire(
    settings: SettlementSettings,
    store: JournalStore,
    channels: ChannelFactory,
    routers: Mapping[str, ShardRouter],
    clock: Clock,
    statement_store: StatementStore | None = None,
    directory: Directory | None = None,
    bank: SimulatedBank | None = None,
) -> Settlement:
    """Settlement on its journals and channels. `routers` are those of allocation, cards and itself.

    `directory` knows identity; there is none where people are checked elsewhere (`people_known`).
    Without a store, statements are kept in this process, and made anew by the next. Without a bank, there is
    one that forgets with the process.
    """
    news = PeopleNews(clock, settings)
    sources = FeedSources(
        allocation=routers["allocation"],
        cards=routers["cards"],
        settlement=routers["settlement"],
        channels=channels,
        connect_s=settings.feed_connect_ms / 1000,
        news=news,
        directory=directory,
    )
    packets = PacketsAtAllocation(routers["allocation"], channels, settings.deadline_default_ms / 1000)
    statement_store = statement_store or StatementStore("memory", settings)
    readers = FeedReaders(sources, clock, settings)
    projector = StatementProjector(statement_store, clock, settings)
    bank = bank or forgetful_bank(settings, clock)
    withdrawing = Withdrawing(bank, channels, routers["settlement"], clock, settings)
    disputing = Disputing(clock, settings)
    companions: list[ShardCompanion] = [
        readers,
        projector,
        PendingExpiry(clock, settings),
        WaitingKeeper(packets, news, clock, settings),
        *withdrawing.companions,
        disputing.companion,
    ]
    host = host_settlement(store, companions, clock, settings)
    shards = OwnedShards(host)
    statements = Statements(host, statement_store, projector, settings)
    service = Service(
        "hongbao.settlement.v1.SettlementService",
        SettlementServicer(shards, readers.names, readers.halts, clock, settings, BankStatement(bank)),
        settlement_pb2_grpc.add_SettlementServiceServicer_to_server,
    )
    statement_service = Service(
        "hongbao.settlement.v1.StatementService",
        StatementServicer(statements),
        statements_pb2_grpc.add_StatementServiceServicer_to_server,
    )
    transfer_service = Service(
        "hongbao.settlement.v1.TransferService",
        TransferServicer(shards, clock, settings),
        transfers_pb2_grpc.add_TransferServiceServicer_to_server,
    )
    services = (
        service,
        statement_service,
        transfer_service,
        withdrawing.service(shards),
        disputing.service(shards, statements),
    )
    return Settlement(services=services, host=host)


async def main() -> None:
    """Runs until a signal, then hands its shards over, drains and stops."""
    settings, clock = load(SettlementSettings), SystemClock()
    start_logging(settings, "settlement")
    async with contextlib.AsyncExitStack() as stack:
        telemetry = start_telemetry(settings, "settlement")
        stack.callback(telemetry.shutdown)
        store = store_from_url(settings.journal_url, settings)
        stack.push_async_callback(store.close)
        channels = ChannelFactory(settings, "settlement", clock=clock)
        stack.push_async_callback(channels.close)
        etcd = connect(settings, clock)
        if etcd is not None:
            stack.push_async_callback(etcd.close)
        routers = await stack.enter_async_context(
            open_routers(settings, clock, etcd, ("allocation", "cards", "settlement"))
        )
        of_people = ("identity",) if settings.people_known == "identity" else ()
        directory = await stack.enter_async_context(open_directory(settings, clock, etcd, of_people))
        statement_store = StatementStore(settings.statement_url or settings.journal_url, settings)
        stack.push_async_callback(statement_store.close)
        bank = await stack.enter_async_context(open_bank(settings, clock))
        wired = wire(settings, store, channels, routers, clock, statement_store, directory, bank)
        server = MeshServer(settings, "settlement", wired.services, telemetry=telemetry, clock=clock)
        await serve_as_owner(server, wired.host, settings, clock, etcd, routers["settlement"].map)


if __name__ == "__main__":
    run(main)
