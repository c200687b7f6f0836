"""One shard of settlement with a desk, a bank whose faults tests choose, and crashes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.clock import ManualClock
from services.mesh.journal.memory import MemoryStore
from services.mesh.shards.host import Shard, ShardHost
from services.settlement.adapters.hosting import host_settlement
from services.settlement.adapters.rail.faults import Fate, Journey
from services.settlement.adapters.rail.memory import VolatileMemory
from services.settlement.adapters.rail.simulated import SimulatedBank
from services.settlement.domain import accounts
from services.settlement.domain.state import SettlementState
from services.settlement.domain.withdrawals.commands import (
    WithdrawalLimits,
    WithdrawalRequest,
    request_withdrawal,
)
from services.settlement.domain.withdrawals.rail import Payment, PaymentOrder, PaymentReport
from services.settlement.domain.withdrawals.values import (
    Withdrawal,
    WithdrawalId,
    withdrawal_id_of,
)
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.bank_messenger import BankMessenger
from services.settlement.tasks.bank_word import BankWord
from services.settlement.tasks.withdrawal_desk import WithdrawalDesk

T = TypeVar("T")
_STEPS_MAX = 500
ORDER_MS = 30_000
CUT_OFF_MS = 30_000
HOUR_MS = 3_600_000
LIMITS = WithdrawalLimits(amount_fen_min=100, amount_fen_max=50_000, open_max=3, ahead_ms_max=HOUR_MS)


@dataclass(slots=True)
class ChosenFaults:
    """Faults by the card that an order goes to: each card is a story."""

    journeys: dict[int, Journey] = field(default_factory=dict)
    fates: dict[int, Fate] = field(default_factory=dict)
    silent_queries: list[bool] = field(default_factory=list)
    """Of the next queries, in order; those after them are answered."""

    def journey(self, order: PaymentOrder) -> Journey:
        return self.journeys.get(order.card_id, Journey())

    def fate(self, order: PaymentOrder) -> Fate:
        return self.fates.get(order.card_id, Fate())

    def loses_query(self, withdrawal_id: WithdrawalId) -> bool:  # noqa: ARG002 - any may be lost
        return bool(self.silent_queries) and self.silent_queries.pop(0)


class WatchedBank(SimulatedBank):
    """Counts how often settlement has sent an order: copies that are made on the way do not count."""

    def __init__(self, memory: VolatileMemory, faults: ChosenFaults, clock: ManualClock) -> None:
        super().__init__(memory, faults, clock, timeout_ms=5_000)
        self.sent: list[WithdrawalId] = []
        self.questions: list[WithdrawalId] = []
        self.answers_after_s = 0.0

    async def submit(self, order: PaymentOrder) -> Payment:
        self.sent.append(order.withdrawal_id)
        return await super().submit(order)

    async def query(self, withdrawal_id: WithdrawalId) -> Payment:
        self.questions.append(withdrawal_id)
        payment = await super().query(withdrawal_id)
        await self._clock.sleep(self.answers_after_s)
        return payment


class House:
    """Settlement may crash here; the bank does not."""

    def __init__(self, *, commit_s: float = 0.0, **settings: Any) -> None:
        self.clock = ManualClock()
        values = {
            "settlement_shards": 1,
            "people_known": "everybody",
            "withdrawal_order_ms": ORDER_MS,
            "withdrawal_cut_off_ms": CUT_OFF_MS,
            "withdrawals_kept_ms": HOUR_MS,
            "shard_threads": 0,
            "snapshot_every_records": 7,
            **settings,
        }
        self.settings = SettlementSettings(instance="house", **values)
        self.store = MemoryStore(self.settings, self.clock, latency_s=commit_s)
        self.faults = ChosenFaults()
        self.memory = VolatileMemory()
        self.bank = WatchedBank(self.memory, self.faults, self.clock)
        self.epoch = 0

    async def open(self) -> None:
        """An owner takes the shard."""
        self.epoch += 1
        self.desk = WithdrawalDesk(self.bank, self.clock, self.settings)
        messenger = BankMessenger(self.bank, self._report, self.clock, self.settings)
        self.host: ShardHost[SettlementState] = host_settlement(
            self.store, [self.desk, messenger], self.clock, self.settings
        )
        await self.host.take(0, self.epoch)

    async def crash(self, *, in_flight_survives: bool = False) -> None:
        """The owner dies with all that is not durable; another one takes over."""
        self.store.crash(in_flight_survives=in_flight_survives)
        await self.host.lose(0)
        await self.host.close()
        await self.open()

    async def close(self) -> None:
        await self.host.close()
        await self.bank.close()
        await self.store.close()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something that may wait for the disk, whose time has to pass."""
        task = asyncio.ensure_future(work)
        for _ in range(_STEPS_MAX):
            if task.done():
                return await task
            await self.clock.advance(0.01)
        task.cancel()
        raise AssertionError("it does not come to an end")

    @property
    def shard(self) -> Shard[SettlementState]:
        return self.host.owned(0)

    @property
    def state(self) -> SettlementState:
        return self.shard.state

    def fund(self, person_id: int, amount_fen: int) -> None:
        """Puts money into a wallet, as a feed would."""
        number = self.shard.seq + 1
        position = pb.FeedPosition(source="toy/0", source_seq=number, reported_fen=amount_fen)
        transfer = pb.Transfer(
            transfer_id=f"toy/0:{number}:0:0",
            debit_account_id=accounts.bank_clearing(0),
            credit_account_id=accounts.wallet(person_id),
            amount_fen=amount_fen,
            code=pb.TRANSFER_CODE_DEPOSIT,
        )
        self.shard.commit(pb.SettlementEvent(position=position, transfers=[transfer]))

    def request(self, asked: WithdrawalRequest) -> WithdrawalId:
        """As the service does, but without waiting until it is durable."""
        event = request_withdrawal(self.state, asked, LIMITS, self.clock.now_ms())
        number = withdrawal_id_of(asked.person_id, asked.request_id, asked.request_ends_ms, 1)
        if event is not None:
            self.shard.commit(event)
            self.desk.take_up(self.shard, number)
        return number

    def withdrawal(self, number: WithdrawalId) -> Withdrawal:
        found = self.state.withdrawals.find(number)
        assert found is not None
        return found

    def wallet_fen(self, person_id: int) -> int:
        """What the person owns, reserved or not."""
        return self.state.ledger.wallets.get(person_id, 0)

    def available_fen(self, person_id: int) -> int:
        return self.state.ledger.available_fen(accounts.wallet(person_id))

    async def hear(self, number: WithdrawalId, payment: Payment) -> None:
        """Takes the bank's word, as the service does when the bank calls."""
        word = BankWord(self.shard, self.clock, self.settings)
        await word.carry_out(number, payment, self.clock.now_ms())
        await self.shard.settled()

    async def _report(self, report: PaymentReport) -> None:
        await self.hear(report.withdrawal_id, report.payment)


def asked_for(
    house: House, person_id: int = 1, amount_fen: int = 1_000, *, card_id: int = 1, name: str = "one"
) -> WithdrawalRequest:
    """A request; the same name is the same request id."""
    request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    return WithdrawalRequest(person_id, request_id, card_id, amount_fen, house.clock.now_ms() + 60_000)
