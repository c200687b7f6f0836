"""Wires what withdrawals need: the desk, the bank's messenger, and the service that both sides call."""

from __future__ import annotations

from collections.abc import Sequence

from hongbao.settlement.v1 import withdrawals_pb2_grpc
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.server import Service
from services.mesh.shards.router import ShardRouter
from services.settlement.adapters.hosting import ShardCompanion
from services.settlement.adapters.rail.reports import RpcReports
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.api.shards import OwnedShards
from services.settlement.api.withdrawals import WithdrawalServicer
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.bank_messenger import BankMessenger
from services.settlement.tasks.withdrawal_desk import WithdrawalDesk


class Withdrawing:
    """Everything about withdrawals but their rules."""

    def __init__(
        self,
        bank: SimulatedBank,
        channels: ChannelFactory,
        router: ShardRouter,
        clock: Clock,
        settings: SettlementSettings,
    ) -> None:
        """`router` finds the owners of settlement's shards, to whom the bank reports."""
        self._clock = clock
        self._settings = settings
        self._desk = WithdrawalDesk(bank, clock, settings)
        reports = RpcReports(channels, router, settings)
        self.companions: Sequence[ShardCompanion] = (
            self._desk,
            BankMessenger(bank, reports.report, clock, settings),
        )
        """What goes with every shard."""

    def service(self, shards: OwnedShards) -> Service:
        """The contract's service."""
        return Service(
            "hongbao.settlement.v1.WithdrawalService",
            WithdrawalServicer(shards, self._desk.take_up, self._clock, self._settings),
            withdrawals_pb2_grpc.add_WithdrawalServiceServicer_to_server,
        )
