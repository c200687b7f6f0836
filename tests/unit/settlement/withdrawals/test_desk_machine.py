"""Random withdrawals at a bank that loses, doubles and delays everything, with owners that die at any moment.

Whatever happens, each order is sent once, what the bank has paid is what has left the wallets, and in the end
every withdrawal has ended.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.mesh.errors import ServiceError
from services.settlement.adapters.rail.faults import REFUSALS, Fate, Journey
from services.settlement.domain.withdrawals.commands import WithdrawalRequest
from services.settlement.domain.withdrawals.rail import PaymentStatus
from services.settlement.domain.withdrawals.resolving import resolve_withdrawal
from services.settlement.domain.withdrawals.values import (
    Resolution,
    ResolvedOutcome,
    WithdrawalId,
    WithdrawalState,
)
from tests.unit.settlement.withdrawals.house import CUT_OFF_MS, HOUR_MS, ORDER_MS, House, asked_for

T = TypeVar("T")
PEOPLE = (1, 2)
FUNDS_FEN = 5_000
# Around the bank's answer, the order's end, and the cut-off, on both sides.
MOMENTS_MS = st.sampled_from([0, 1, 900, 4_999, 5_000, ORDER_MS - 1, ORDER_MS, ORDER_MS + CUT_OFF_MS, 90_000])
JOURNEYS = st.builds(
    Journey,
    arrives_after_ms=st.none() | MOMENTS_MS,
    again_after_ms=st.none() | MOMENTS_MS,
    answered=st.booleans(),
)
FATES = st.builds(
    Fate,
    failure=st.none() | st.sampled_from(REFUSALS),
    decides_after_ms=MOMENTS_MS,
    shows_after_ms=MOMENTS_MS,
    reports_after_ms=st.lists(MOMENTS_MS, max_size=2).map(tuple),
)


class Evening(RuleBasedStateMachine):
    """The bank's own memory is the model: nothing but an order that it has taken may move money."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.requests: dict[WithdrawalId, WithdrawalRequest] = {}
        """Those that were acknowledged."""
        self.count = 0

    def go(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize(commit_s=st.sampled_from([0.0, 0.01]))
    def begin(self, commit_s: float) -> None:
        async def begin() -> None:
            self.house = House(commit_s=commit_s)
            await self.house.run(self.house.open())
            for person_id in PEOPLE:
                self.house.fund(person_id, FUNDS_FEN)
            await self.house.run(self.house.shard.settled())

        self.go(begin())

    @rule(person_id=st.sampled_from(PEOPLE), amount_fen=st.integers(100, 3_000), journey=JOURNEYS, fate=FATES)
    def request(self, person_id: int, amount_fen: int, journey: Journey, fate: Fate) -> None:
        self.count += 1
        self.house.faults.journeys[self.count] = journey
        self.house.faults.fates[self.count] = fate
        asked = asked_for(self.house, person_id, amount_fen, card_id=self.count, name=str(self.count))
        self.go(self._request(asked))

    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        if self.requests:
            self.go(self._request(data.draw(st.sampled_from(list(self.requests.values())))))

    @rule(silent=st.lists(st.booleans(), min_size=1, max_size=4))
    def lose_queries(self, silent: list[bool]) -> None:
        self.house.faults.silent_queries.extend(silent)

    @rule(ms=st.sampled_from([1, 20, 700, 5_000, 31_000, 61_000]))
    def wait(self, ms: int) -> None:
        self.go(self.house.clock.advance(ms / 1000))

    @rule(second=st.sampled_from(["li", "Wang"]))
    def resolve_by_the_statement(self, second: str) -> None:
        """Operators end what is open and late, and what the bank has decided or never had."""
        house = self.house
        # The bank answers nothing until the cut-off is over.
        house.faults.silent_queries = [True] * 100
        self.go(house.clock.advance((ORDER_MS + CUT_OFF_MS) / 1000))
        house.faults.silent_queries = []
        now_ms = house.clock.now_ms()
        for withdrawal in house.state.withdrawals.open():
            number, order = withdrawal.withdrawal_id, house.memory.orders.get(withdrawal.withdrawal_id)
            status = PaymentStatus.REFUSED if order is None else order.payment(now_ms).status
            if status not in {PaymentStatus.PAID, PaymentStatus.REFUSED}:
                continue
            outcome = ResolvedOutcome.PAID if status is PaymentStatus.PAID else ResolvedOutcome.NOT_PAID
            request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"resolve {number}"))
            found = Resolution(request_id, outcome, "wang", second, "by the statement", "stmt-1")
            with suppress(ServiceError):  # Its time has not come, or it is one operator.
                event = resolve_withdrawal(house.state, number, found, now_ms=now_ms, kept_ms=HOUR_MS)
                assert event is not None
                assert second == "li"
                assert now_ms >= withdrawal.cut_off_ms
                house.shard.commit(event)

    @rule(in_flight_survives=st.booleans())
    def crash(self, in_flight_survives: bool) -> None:  # noqa: FBT001 - Hypothesis gives it by name
        self.go(self.house.run(self.house.crash(in_flight_survives=in_flight_survives)))

    @invariant()
    def money_is_where_the_bank_says(self) -> None:
        if not hasattr(self, "house"):
            return
        house, book = self.house, self.house.state.withdrawals
        assert len(house.bank.sent) == len(set(house.bank.sent)), "an order was sent twice"
        assert not book.contradicted()
        for number in self.requests:
            self._expect_the_truth(number)
        left_fen = house.state.ledger.transfer_totals
        withdrawn_fen = sum(
            count.amount_fen for (code, _), count in left_fen.items() if code.name == "WITHDRAWAL"
        )
        kept_fen = sum(house.wallet_fen(person_id) for person_id in PEOPLE)
        assert kept_fen == len(PEOPLE) * FUNDS_FEN - withdrawn_fen
        reserved_fen = sum(withdrawal.order.amount_fen for withdrawal in book.open())
        assert sum(house.available_fen(person_id) for person_id in PEOPLE) == kept_fen - reserved_fen

    def teardown(self) -> None:
        if not hasattr(self, "house"):
            return

        async def end() -> None:
            for _ in range(40):
                await self.house.clock.advance(10)
            book = self.house.state.withdrawals
            assert book.open() == []
            paid_fen = await self.house.memory.paid_fen("bank_clearing:0", self.house.clock.now_ms())
            kept_fen = sum(self.house.wallet_fen(person_id) for person_id in PEOPLE)
            assert kept_fen == len(PEOPLE) * FUNDS_FEN - paid_fen
            await self.house.run(self.house.close())

        self.go(end())
        self.loop.close()

    async def _request(self, asked: WithdrawalRequest) -> None:
        with suppress(ServiceError):  # Too little money, too many, too late: nothing has changed, see above.
            number = self.house.request(asked)
            await self.house.run(self.house.shard.settled())
            self.requests[number] = asked

    def _expect_the_truth(self, number: WithdrawalId) -> None:
        withdrawal, order = self.house.withdrawal(number), self.house.memory.orders.get(number)
        match withdrawal.state:
            case WithdrawalState.SUCCEEDED:
                assert order is not None
                assert order.payment(self.house.clock.now_ms()).status is PaymentStatus.PAID
            case WithdrawalState.FAILED:
                assert order is None or order.failure is not None
            case WithdrawalState.REQUESTED:
                assert order is None


TestEvening = Evening.TestCase
TestEvening.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
