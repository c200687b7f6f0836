"""Guests, and the hands of all others who move money: operators, people at their bank, and the bank."""

from __future__ import annotations

import contextlib
import uuid

from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.freezing import freeze_account
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfer_items import TransferItem, TransferRequest
from services.settlement.domain.transfer_requests import decide_transfers
from services.settlement.domain.transfers import TransferCode, TransferPhase
from services.settlement.domain.withdrawals import records
from services.settlement.domain.withdrawals.commands import (
    WithdrawalLimits,
    WithdrawalRequest,
    request_withdrawal,
)
from services.settlement.domain.withdrawals.outcome import outcome_of
from services.settlement.domain.withdrawals.rail import Payment, PaymentStatus
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId, WithdrawalState
from tests.unit.settlement.people.test_people_machine import Guests
from tests.unit.settlement.people.world import SHARDS

LIMITS = WithdrawalLimits(amount_fen_min=1, amount_fen_max=10**6, open_max=5, ahead_ms_max=3_600_000)
HOUR_MS = 3_600_000


class Everybody(Guests):
    """What all of them can ask for; whoever inherits it says when they do."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = 0
        self.requests: list[tuple[int, TransferRequest]] = []
        self.withdrawals: list[WithdrawalRequest] = []

    def state(self, shard: int) -> SettlementState:
        return self.world.states[shard]

    def new_id(self) -> str:
        self.numbers += 1
        return str(uuid.UUID(int=self.numbers))

    def shard_of_debit(self, account_id: str) -> int:
        kind, _, number = account_id.rpartition(":")
        return int(number) if kind in {"compensation", "bank_clearing"} else shard_of(int(number), SHARDS)

    def pending_ids(self, shard: int) -> list[str]:
        pendings = self.state(shard).ledger.pendings.all()
        return [
            pending.transfer.transfer_id
            for pending in pendings
            if pending.open and pending.transfer.code is not TransferCode.WITHDRAWAL
        ]

    def ask(self, shard: int, request: TransferRequest) -> None:
        self.requests.append((shard, request))
        self.world.commit(
            shard, decide_transfers(self.state(shard), request, self.world.now_ms).event(request)
        )

    def end(self, shard: int, pending_id: str, phase: TransferPhase) -> None:
        item = TransferItem(self.new_id(), "", "", 0, None, phase=phase, pending_id=pending_id)
        self.ask(shard, TransferRequest([item], self.world.now_ms + HOUR_MS, "olive"))

    def set_frozen(self, shard: int, account_id: str, *, frozen: bool) -> None:
        decided = pb.SettlementEvent().transfer_fact.frozen
        decided.account_id, decided.frozen, decided.request_id = account_id, frozen, self.new_id()
        self.world.commit(shard, freeze_account(self.state(shard), decided))

    def ask_bank(self, asked: WithdrawalRequest) -> None:
        shard = shard_of(asked.person_id, SHARDS)
        with contextlib.suppress(ServiceError):
            self.world.commit(shard, request_withdrawal(self.state(shard), asked, LIMITS, self.world.now_ms))

    def hear(self, shard: int, number: WithdrawalId, status: PaymentStatus) -> None:
        withdrawal, now_ms = self.state(shard).withdrawals.find(number), self.world.now_ms
        assert withdrawal is not None
        if withdrawal.state is WithdrawalState.REQUESTED:
            self.world.commit(shard, records.submitted(number, now_ms + 1000, now_ms + 2000))
            return
        refused = status is PaymentStatus.REFUSED
        failure = WithdrawalFailure.CARD_CLOSED if refused else None
        payment = Payment(status, withdrawal.order.amount_fen, failure)
        outcome = outcome_of(withdrawal, payment, asked_ms=now_ms, kept_until_ms=now_ms + 5000, shard=shard)
        self.world.commit(shard, outcome.event)
