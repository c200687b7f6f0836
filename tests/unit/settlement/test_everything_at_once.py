"""All that settlement does, at once and in any order: people who win, are verified, turn out to be others and
send envelopes, operators who move, reserve and freeze money, a bank that says anything, and disputes.

The books hold after every step, no step that was decided fails to apply, and in the end nothing is stranded.
"""

from __future__ import annotations

import contextlib

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from hongbao.identity.v1 import events_pb2 as identity
from hongbao.settlement.v1 import dispute_events_pb2 as steps
from hongbao.settlement.v1 import disputes_pb2
from hongbao.settlement.v1 import events_pb2 as pb
from services.cli.proofs.ledger.snapshots import first_difference
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.mesh.timestamps import timestamp
from services.settlement.domain.disputes import decisions
from services.settlement.domain.disputes.entries import entry_in
from services.settlement.domain.disputes.payments import pay_unpaid
from services.settlement.domain.expiry import expire_pendings
from services.settlement.domain.transfer_items import TransferItem, TransferRequest
from services.settlement.domain.transfers import TransferCode, TransferPhase
from services.settlement.domain.withdrawals.commands import (
    WithdrawalRequest,
)
from services.settlement.domain.withdrawals.rail import PaymentStatus
from tests.unit.settlement.disputes.desk import LIMITS as DISPUTE_LIMITS
from tests.unit.settlement.everybody import HOUR_MS, Everybody
from tests.unit.settlement.people.test_people_machine import PEOPLE
from tests.unit.settlement.people.world import SHARDS
from tests.unit.settlement.world import SPONSOR

CARD = 1
BUDGET = f"budget:spring:{SPONSOR}"
FUND_BY_BANK = TransferCode.FUND_COMPENSATION
WALLETS = [f"wallet:{person_id}" for person_id in PEOPLE]
ACCOUNTS = [f"sponsor:{SPONSOR}", "compensation:0", "compensation:1", *WALLETS]
WORDS = {
    "paid": PaymentStatus.PAID,
    "refused": PaymentStatus.REFUSED,
    "not found": PaymentStatus.NOT_FOUND,
    "processing": PaymentStatus.PROCESSING,
}
shards = st.integers(0, SHARDS - 1)
amounts = st.integers(1, 300)


class Everything(Everybody):
    """Guests, and all others."""

    @initialize(days=st.sampled_from([0, 20]), lucky=st.booleans())
    def begin(self, days: int, lucky: bool) -> None:  # noqa: FBT001 - Hypothesis names it
        """Some people are known from the beginning, and have some money."""
        super().begin(days, lucky)
        home, ends_ms = shard_of(SPONSOR, SHARDS), self.world.now_ms + HOUR_MS
        for person_id in PEOPLE[::2]:
            self.verify(person_id)
            gift = TransferItem(
                self.new_id(), f"sponsor:{SPONSOR}", f"wallet:{person_id}", 500, TransferCode.ADJUSTMENT
            )
            self.ask(home, TransferRequest([gift], ends_ms, "olive"))
        self.world.settle()

    # Operators.

    @rule(
        code_and_debit=st.sampled_from(
            [(TransferCode.ADJUSTMENT, account) for account in ACCOUNTS]
            + [(FUND_BY_BANK, "bank_clearing:0"), (FUND_BY_BANK, "bank_clearing:1")]
            + [(TransferCode.SPONSOR_BUDGET, f"sponsor:{SPONSOR}"), (TransferCode.BUDGET_RETURN, BUDGET)]
        ),
        credit=st.sampled_from([*ACCOUNTS, BUDGET]),
        amount_fen=amounts,
        pending=st.booleans(),
        timeout_ms=st.sampled_from([0, HOUR_MS]),
    )
    def move(
        self,
        code_and_debit: tuple[TransferCode, str],
        credit: str,
        amount_fen: int,
        pending: bool,  # noqa: FBT001 - a drawn value
        timeout_ms: int,
    ) -> None:
        code, debit = code_and_debit
        if code is FUND_BY_BANK:
            credit = f"compensation:{debit[-1]}"
        campaign_id = "spring" if BUDGET in {debit, credit} else ""
        phase = TransferPhase.PENDING if pending else TransferPhase.SINGLE
        timeout_ms = timeout_ms if pending else 0
        item = TransferItem(
            self.new_id(), debit, credit, amount_fen, code, campaign_id, phase=phase, timeout_ms=timeout_ms
        )
        self.ask(self.shard_of_debit(debit), TransferRequest([item], self.world.now_ms + HOUR_MS, "olive"))

    @rule(shard=shards, data=st.data(), phase=st.sampled_from([TransferPhase.POST, TransferPhase.VOID]))
    def end_pending(self, shard: int, data: st.DataObject, phase: TransferPhase) -> None:
        pending_ids = self.pending_ids(shard)
        if pending_ids:
            self.end(shard, data.draw(st.sampled_from(pending_ids)), phase)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        self.ask(*data.draw(st.sampled_from(self.requests)))

    @rule(shard=shards)
    def expire(self, shard: int) -> None:
        self.world.commit(shard, expire_pendings(self.state(shard), self.world.now_ms, 5, 1000))

    @rule(shard=shards, data=st.data(), frozen=st.booleans())
    def freeze(self, shard: int, data: st.DataObject, frozen: bool) -> None:  # noqa: FBT001 - a drawn value
        ledger = self.state(shard).ledger
        wallets = [f"wallet:{person_id}" for person_id in ledger.wallets]
        kinds = ("sponsor", "escrow", "pool", "pool_share", "envelope", "budget", "compensation")
        others = [account_id for account_id in ledger.accounts if account_id.partition(":")[0] in kinds]
        if wallets or others:
            self.set_frozen(shard, data.draw(st.sampled_from([*wallets, *others])), frozen=frozen)

    # People and their bank.

    @rule(person_id=st.sampled_from(PEOPLE))
    def verify(self, person_id: int) -> None:
        """Everybody who is verified has a card."""
        if person_id not in self.verified and person_id not in self.merged:
            self.verified.add(person_id)
            self.world.verify(person_id)
            bound = identity.CardBound(
                person_id=person_id, card_id=CARD, number_masked="****1", bank_name="ICBC"
            )
            self.world.identity(identity.IdentityEvent(card_bound=bound))

    @rule(sender=st.sampled_from(PEOPLE), receiver=st.sampled_from(PEOPLE), amount_fen=amounts)
    def give_some(self, sender: int, receiver: int, amount_fen: int) -> None:
        self.envelopes += 1
        with contextlib.suppress(ServiceError):
            self.world.send(sender, receiver, amount_fen, self.envelopes)

    @rule(data=st.data(), receiver=st.sampled_from(PEOPLE))
    def give(self, data: st.DataObject, receiver: int) -> None:
        """What is reserved or frozen is not given away, so it may be refused."""
        with contextlib.suppress(ServiceError):
            super().give(data, receiver)

    @rule(person_id=st.sampled_from(PEOPLE), amount_fen=amounts)
    def withdraw(self, person_id: int, amount_fen: int) -> None:
        ends_ms = self.world.now_ms + HOUR_MS
        self.withdrawals.append(WithdrawalRequest(person_id, self.new_id(), CARD, amount_fen, ends_ms))
        self.ask_bank(self.withdrawals[-1])

    @precondition(lambda self: self.withdrawals)
    @rule(data=st.data())
    def withdraw_again(self, data: st.DataObject) -> None:
        self.ask_bank(data.draw(st.sampled_from(self.withdrawals)))

    @rule(shard=shards, data=st.data(), word=st.sampled_from(list(WORDS)))
    def bank_says(self, shard: int, data: st.DataObject, word: str) -> None:
        open_ = self.state(shard).withdrawals.open()
        if open_:
            self.hear(shard, data.draw(st.sampled_from(open_)).withdrawal_id, WORDS[word])

    # Disputes.

    @rule(person_id=st.sampled_from(PEOPLE), back=st.integers(0, 30))
    def dispute(self, person_id: int, back: int) -> None:
        shard = shard_of(person_id, SHARDS)
        seq = len(self.world.journals[shard]) - back
        if seq < 1:
            return
        event = pb.SettlementEvent.FromString(self.world.journals[shard][seq - 1])
        time_ms = self.world.times_ms[shard][seq - 1]
        lines = len(event.transfers) + sum(len(columns.person_ids) for columns in event.wallet_credits)
        found = (entry_in(event, seq, time_ms, person_id, line) for line in range(lines))
        entry = next((entry for entry in found if entry is not None), None)
        if entry is not None:
            asked = disputes_pb2.OpenDisputeRequest(
                request_id=self.new_id(),
                person_id=person_id,
                entry_seq=seq,
                entry_line=entry.line,
                request_ends_at=timestamp(self.world.now_ms + HOUR_MS),
            )
            now_ms = self.world.now_ms
            with contextlib.suppress(ServiceError):
                self.world.commit(
                    shard, decisions.open_dispute(self.state(shard), asked, entry, now_ms, DISPUTE_LIMITS)
                )

    @rule(shard=shards, data=st.data(), is_right=st.booleans(), approved=st.booleans())
    def decide_dispute(
        self,
        shard: int,
        data: st.DataObject,
        is_right: bool,  # noqa: FBT001 - a drawn value
        approved: bool,  # noqa: FBT001 - a drawn value
    ) -> None:
        state, now_ms = self.state(shard), self.world.now_ms
        disputes = [dispute for dispute in state.disputes.opened_after(0) if not dispute.state.ended]
        if not disputes:
            return
        dispute = data.draw(st.sampled_from(disputes))
        approve, reject = steps.DISPUTE_DECISION_PAY, steps.DISPUTE_DECISION_REJECT
        decide = disputes_pb2.DecideDisputeRequest(
            request_id=self.new_id(),
            dispute_id=dispute.dispute_id,
            operator="olive",
            decision=approve if is_right else reject,
            amount_fen=data.draw(st.integers(1, dispute.entry.amount_fen)) if is_right else 0,
        )
        confirm = disputes_pb2.ApproveDisputeRequest(
            request_id=self.new_id(),
            dispute_id=dispute.dispute_id,
            operator="otto",
            verdict=steps.DISPUTE_VERDICT_APPROVE if approved else steps.DISPUTE_VERDICT_DECLINE,
        )
        with contextlib.suppress(ServiceError):
            self.world.commit(shard, decisions.decide(state, decide, now_ms, DISPUTE_LIMITS))
        with contextlib.suppress(ServiceError):
            self.world.commit(shard, decisions.confirm(state, confirm, now_ms, DISPUTE_LIMITS))

    @rule(shard=shards)
    def pay_dispute(self, shard: int) -> None:
        self.world.commit(shard, pay_unpaid(self.state(shard), self.world.now_ms, DISPUTE_LIMITS))

    # How it ends.

    def teardown(self) -> None:
        """Operators free what is frozen, the bank answers, and nobody reserves anything any more."""
        if not hasattr(self, "begun_ms") or not self.world.journals[shard_of(SPONSOR, SHARDS)]:
            return
        for shard in range(SHARDS):
            for account_id in list(self.state(shard).ledger.frozen):
                self.set_frozen(shard, account_id, frozen=False)
            for withdrawal in self.state(shard).withdrawals.open():
                self.hear(shard, withdrawal.withdrawal_id, PaymentStatus.PROCESSING)
                self.hear(shard, withdrawal.withdrawal_id, PaymentStatus.PAID)
            self.world.now_ms += HOUR_MS
            while self.state(shard).ledger.pendings.expired(self.world.now_ms, 1):
                self.expire(shard)
            for pending_id in self.pending_ids(shard):
                self.end(shard, pending_id, TransferPhase.VOID)
            assert not self.state(shard).ledger.pendings.open_count
        super().teardown()
        for shard in range(SHARDS):
            folded = self.world._folded(shard, 0, None, None)
            assert first_difference(self.state(shard), folded) is None


TestEverything = Everything.TestCase
TestEverything.settings = settings(
    max_examples=30,
    stateful_step_count=200,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
