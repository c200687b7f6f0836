"""Random days of operators: whatever is asked, linked, reserved, frozen, repeated, or lost in a crash,
the ledger agrees with a plain model after every step, and every answer is the one that the model gives.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.settlement.v1 import events_pb2 as pb
from services.mesh.shards.hashing import shard_of
from services.settlement.domain.accounts import shard_of_account
from services.settlement.domain.commands import create_hold
from services.settlement.domain.errors import AccountFrozen, AccountUnknown, FundsInsufficient
from services.settlement.domain.expiry import expire_pendings
from services.settlement.domain.freezing import freeze_account
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from services.settlement.domain.shard_books import shard_books
from services.settlement.domain.transfer_items import TransferItem, TransferRequest
from services.settlement.domain.transfer_requests import decide_transfers
from services.settlement.domain.transfers import TransferCode, TransferPhase
from tests.unit.settlement.transfers.plain import PARTS, SHARDS, Reject, TimedWorld
from tests.unit.settlement.world import CAMPAIGN, persons

SPONSORS = (2, 7)
PEOPLE = [person for part in range(PARTS) for person in persons(part, PARTS, 2)]
FUNDS = ("compensation:0", "compensation:1")
_SPONSORS = tuple(f"sponsor:{sponsor}" for sponsor in SPONSORS)
_BUDGETS = tuple(f"budget:{CAMPAIGN}:{sponsor}" for sponsor in SPONSORS)
_WALLETS = tuple(f"wallet:{person}" for person in PEOPLE)
ROUTES: tuple[tuple[str, str, TransferCode], ...] = (
    *((one, two, TransferCode.SPONSOR_BUDGET) for one, two in zip(_SPONSORS, _BUDGETS, strict=True)),
    *((two, one, TransferCode.BUDGET_RETURN) for one, two in zip(_SPONSORS, _BUDGETS, strict=True)),
    *((one, fund, TransferCode.FUND_COMPENSATION) for one in _SPONSORS for fund in FUNDS),
    *((one, two, TransferCode.ADJUSTMENT) for one in (*_WALLETS, *FUNDS) for two in _WALLETS if one != two),
)
FREEZABLE = (*_SPONSORS, *_BUDGETS, *_WALLETS, *FUNDS, "escrow:spring.r01:0", "escrow:spring.r01:1")
REMEMBERED_MS = 40


def items_of(routes: Sequence[tuple[str, str, TransferCode]]) -> st.SearchStrategy[TransferItem]:
    return st.builds(
        lambda route, amount, timeout, linked: TransferItem(
            "",
            route[0],
            route[1],
            amount,
            route[2],
            CAMPAIGN if "budget:" in route[0] + route[1] else "",
            "",
            linked,
            TransferPhase.SINGLE if timeout is None else TransferPhase.PENDING,
            "",
            timeout or 0,
        ),
        st.sampled_from(routes),
        st.one_of(st.integers(1, 20), st.integers(10, 150)),
        st.sampled_from((None, 0, 10, 30, 60)),
        st.sampled_from((False, False, True)),
    )


_ITEMS = tuple(
    items_of([route for route in ROUTES if shard_of_account(route[0], SHARDS) == shard])
    for shard in range(SHARDS)
)
_ANY_ITEM = items_of(ROUTES)


class Day(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = TimedWorld()
        self.model = self.world.model
        self.requests: list[tuple[int, TransferRequest]] = []
        self.count = 0
        self.cursors: dict[tuple[int, str], int] = defaultdict(int)
        self.left_fen: dict[int, int] = {}

    @initialize(held=st.booleans())
    def begin(self, *, held: bool) -> None:
        """Everybody has something: a round is held, or the budget for it is there."""
        for sponsor in SPONSORS:
            self.deposit(sponsor, 600)
            shard = shard_of(sponsor, SHARDS)
            routes = [route for route in ROUTES if route[0] == f"sponsor:{sponsor}"]
            items = [TransferItem("", one, two, 80, code) for one, two, code in routes]
            named = [replace(item, campaign_id=CAMPAIGN if "budget" in item.credit else "") for item in items]
            self.request(shard, named, 50)
        if held:
            self.hold([120, 120], from_budget=False)
            for part in range(PARTS):
                for person in persons(part, PARTS, 2):
                    self.win_packet(part, person, 30)
        for shard in range(SHARDS):
            self.deliver(shard, again=False)

    def fresh(self) -> str:
        self.count += 1
        return f"{self.count:08x}-0000-4000-8000-000000000000"

    # Callers.

    @rule(sponsor=st.sampled_from(SPONSORS), amount_fen=st.integers(1, 200))
    def deposit(self, sponsor: int, amount_fen: int) -> None:
        self.world.deposit(amount_fen, sponsor, self.fresh())
        self.model.move(f"bank_clearing:{shard_of(sponsor, SHARDS)}", f"sponsor:{sponsor}", amount_fen)

    @precondition(lambda self: not self.left_fen)
    @rule(
        parts=st.lists(st.integers(1, 80), min_size=PARTS, max_size=PARTS),
        from_budget=st.booleans(),
    )
    def hold(self, parts: list[int], *, from_budget: bool) -> None:
        """The round is sponsor 7's. It is held once, from what is there or from the budget."""
        hold = Hold(
            "spring.r01",
            CAMPAIGN,
            7,
            HoldPurpose.ROUND,
            tuple(HoldPart(part, amount_fen) for part, amount_fen in enumerate(parts)),
            from_budget=from_budget,
        )
        source, shard = f"budget:{CAMPAIGN}:7" if from_budget else "sponsor:7", shard_of(7, SHARDS)
        available_fen = self.model.fen[source] - self.model.reserved_fen(source)
        frozen = source in self.model.frozen
        if frozen or available_fen < sum(parts):
            with suppress(AccountFrozen if frozen else FundsInsufficient):
                create_hold(self.world.states[shard], hold)
                raise AssertionError("a hold took what is not there")
            return
        self.world.commit(shard, create_hold(self.world.states[shard], hold))
        for part, amount_fen in enumerate(parts):
            self.left_fen[part] = amount_fen
            self.send(shard, source, f"escrow:spring.r01:{part}", amount_fen)

    @rule(data=st.data(), shard=st.integers(0, SHARDS - 1), lasts_ms=st.sampled_from((5, 20, 60)))
    def ask(self, data: st.DataObject, shard: int, lasts_ms: int) -> None:
        items = data.draw(st.lists(_ITEMS[shard], min_size=1, max_size=4))
        self.request(shard, items, self.world.now_ms + lasts_ms)

    @rule(shard=st.integers(0, SHARDS - 1), items=st.lists(_ANY_ITEM, min_size=1, max_size=3))
    def ask_anywhere(self, shard: int, items: list[TransferItem]) -> None:
        """Also on a shard that does not have the account, and in a chain that does not end."""
        self.request(shard, items, self.world.now_ms + 20, last_linked=items[-1].linked)

    @rule(
        data=st.data(),
        posts=st.booleans(),
        part_fen=st.sampled_from((0, 0, 1, 20, 151)),
        lasts_ms=st.sampled_from((5, 60)),
    )
    def end_pending(self, data: st.DataObject, part_fen: int, lasts_ms: int, *, posts: bool) -> None:
        """One that stands, or has ended."""
        keys = [key for key, asked in self.model.asked.items() if asked.item.phase is TransferPhase.PENDING]
        if keys:
            self.end(*data.draw(st.sampled_from(keys)), part_fen, lasts_ms, posts=posts)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), posts=st.booleans())
    def end_something(self, data: st.DataObject, *, posts: bool) -> None:
        """What is perhaps no pending transfer, or is forgotten."""
        shard, request = data.draw(st.sampled_from(self.requests))
        self.end(shard, data.draw(st.sampled_from(list(request.items))).transfer_id, 0, 20, posts=posts)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), more_fen=st.sampled_from((0, 0, 1)))
    def repeat(self, data: st.DataObject, more_fen: int) -> None:
        """An earlier request, at any later time: as it was, or with another amount."""
        shard, request = data.draw(st.sampled_from(self.requests))
        items = list(request.items)
        if more_fen:
            items = [replace(item, amount_fen=item.amount_fen + more_fen) for item in items]
        self.answer(shard, TransferRequest(items, request.ends_ms, request.operator))

    @rule(account_id=st.sampled_from(FREEZABLE), frozen=st.booleans())
    def freeze(self, account_id: str, *, frozen: bool) -> None:
        fact = pb.SettlementEvent().transfer_fact.frozen
        fact.account_id, fact.frozen, fact.reason = account_id, frozen, "why not"
        fact.operator, fact.request_id = "an operator", self.fresh()
        shard = shard_of_account(account_id, SHARDS)
        if account_id not in self.model.known:
            with suppress(AccountUnknown):
                freeze_account(self.world.states[shard], fact)
                raise AssertionError("an account that nobody knows was frozen")
            return
        self.world.commit(shard, freeze_account(self.world.states[shard], fact))
        (self.model.frozen.add if frozen else self.model.frozen.discard)(account_id)

    # Time, feeds and crashes.

    @rule(milliseconds=st.sampled_from((1, 10, 35)))
    def pass_time(self, milliseconds: int) -> None:
        self.world.now_ms += milliseconds

    @rule(shard=st.integers(0, SHARDS - 1), limit=st.integers(1, 3))
    def expire(self, shard: int, limit: int) -> None:
        now_ms = self.world.now_ms
        event = expire_pendings(self.world.states[shard], now_ms, limit, REMEMBERED_MS)
        due = sorted(
            (asked.expires_ms, key[1])
            for key, asked in self.model.asked.items()
            if key[0] == shard and asked.stands and 0 < asked.expires_ms <= now_ms
        )
        expired = [] if event is None else [transfer.pending_id for transfer in event.transfers]
        assert expired == [transfer_id for _, transfer_id in due][:limit]
        for transfer_id in expired:
            asked = self.model.asked[shard, transfer_id]
            asked.end, asked.until_ms = "PENDING_EXPIRED", max(asked.until_ms, now_ms + REMEMBERED_MS)
        self.world.commit(shard, event)

    @precondition(lambda self: any(self.left_fen.values()))
    @rule(data=st.data(), index=st.integers(0, 1))
    def win(self, data: st.DataObject, index: int) -> None:
        part = data.draw(st.sampled_from([part for part, fen in self.left_fen.items() if fen]))
        amount_fen = data.draw(st.integers(1, self.left_fen[part]))
        self.win_packet(part, persons(part, PARTS, 2)[index], amount_fen)

    @rule(shard=st.integers(0, SHARDS - 1), again=st.booleans())
    def deliver(self, shard: int, *, again: bool) -> None:
        for source in self.world.sources(shard):
            self.world.deliver(shard, source, after_seq=0 if again else None)
            self.follow(shard, source)

    @rule(data=st.data(), shard=st.integers(0, SHARDS - 1))
    def crash(self, data: st.DataObject, shard: int) -> None:
        before = self.world.states[shard].snapshot()
        self.world.crash(shard, data.draw(st.integers(0, len(self.world.journals[shard]))))
        assert self.world.states[shard].snapshot() == before

    # The model.

    def win_packet(self, part: int, person: int, amount_fen: int) -> None:
        self.left_fen[part] -= amount_fen
        self.world.packets_won(part, [person], [amount_fen], "spring.r01")

    def end(self, shard: int, pending_id: str, part_fen: int, lasts_ms: int, *, posts: bool) -> None:
        phase = TransferPhase.POST if posts else TransferPhase.VOID
        item = TransferItem("", "", "", part_fen, None, phase=phase, pending_id=pending_id)
        self.request(shard, [item], self.world.now_ms + lasts_ms)

    def request(
        self, shard: int, items: Sequence[TransferItem], ends_ms: int, *, last_linked: bool = False
    ) -> None:
        named = [replace(item, transfer_id=self.fresh()) for item in items]
        named[-1] = replace(named[-1], linked=last_linked)
        request = TransferRequest(named, ends_ms, "an operator")
        self.requests.append((shard, request))
        self.answer(shard, request)

    def answer(self, shard: int, request: TransferRequest) -> None:
        """What the shard answers must be what the model says."""
        wanted = self.expected(shard, request)
        decision = decide_transfers(self.world.states[shard], request, self.world.now_ms)
        assert [result.status.name for result in decision.results] == wanted
        self.world.commit(shard, decision.event(request))

    def expected(self, shard: int, request: TransferRequest) -> list[str]:
        statuses: list[str] = []
        chain: list[TransferItem] = []
        for item in request.items:
            chain.append(item)
            if not item.linked or item is request.items[-1]:
                statuses += self.chained(shard, chain, request.ends_ms)
                chain = []
        return statuses

    def chained(self, shard: int, chain: Sequence[TransferItem], ends_ms: int) -> list[str]:
        kept = copy.deepcopy((self.model.fen, self.model.known, self.model.asked))
        known = [self.model.asked.get((shard, item.transfer_id)) for item in chain]
        if all(
            before is not None and self.model.repeated(before.item, item, shard) == "EXISTS"
            for before, item in zip(known, chain, strict=True)
        ):
            return ["EXISTS"] * len(chain)
        for index, item in enumerate(chain):
            try:
                if item.linked and index == len(chain) - 1:
                    raise Reject("LINKED_CHAIN_OPEN")  # noqa: TRY301 - as any other refusal
                self.model.carry_out(shard, item, ends_ms, self.world.now_ms)
            except Reject as rejected:
                self.model.fen, self.model.known, self.model.asked = kept
                statuses = ["LINKED_EVENT_FAILED"] * len(chain)
                statuses[index] = str(rejected)
                return statuses
        return ["CREATED"] * len(chain)

    def send(self, shard: int, debit: str, credit: str, amount_fen: int) -> None:
        target = shard_of_account(credit, SHARDS)
        self.model.move(debit, credit if target == shard else f"in_transit:{shard}:{target}", amount_fen)

    def follow(self, shard: int, source: str) -> None:
        """Carries out in the model what the shard says it has applied; nothing of a frozen escrow."""
        feed, applied = self.world.feed(source), self.world.cursor(shard, source)
        for seq in range(self.cursors[shard, source] + 1, applied + 1):
            event, number = feed[seq - 1], int(source.partition("/")[2])
            if isinstance(event, allocation.AllocationEvent):
                escrow = f"escrow:spring.r01:{number}"
                assert escrow not in self.model.frozen, "nothing leaves a frozen account"
                won = event.packets_won
                self.model.move(escrow, f"wallet:{won.person_ids[0]}", won.amounts_fen[0])
            elif isinstance(event, pb.SettlementEvent):
                for transfer in event.transfers:
                    if transfer.HasField("onward") and transfer.onward.shard == shard:
                        credit = transfer.onward.credit_account_id
                        self.model.move(f"in_transit:{number}:{shard}", credit, transfer.amount_fen)
        self.cursors[shard, source] = applied

    @invariant()
    def the_balances_agree_with_the_model(self) -> None:
        assert self.world.balances() == {account: fen for account, fen in self.model.fen.items() if fen}

    @invariant()
    def what_is_reserved_agrees_with_the_model(self) -> None:
        for account_id in (*_SPONSORS, *_BUDGETS, *_WALLETS, *FUNDS):
            ledger = self.world.states[shard_of_account(account_id, SHARDS)].ledger
            reserved_fen = self.model.reserved_fen(account_id)
            assert ledger.pendings.debits_fen(account_id) == reserved_fen
            assert ledger.available_fen(account_id) == self.model.fen[account_id] - reserved_fen >= 0

    @invariant()
    def what_is_remembered_agrees_with_the_model(self) -> None:
        for shard, state in enumerate(self.world.states):
            remembered = {key[1] for key in self.model.asked if key[0] == shard}
            assert len(state.requested) == len(remembered)
            assert all(state.requested.find(transfer_id) for transfer_id in remembered)
            assert {pending.transfer.transfer_id for pending in state.ledger.pendings.all()} <= remembered

    @invariant()
    def the_books_prove_themselves(self) -> None:
        assert self.world.books().sound
        for shard, state in enumerate(self.world.states):
            pending = shard_books(shard, 0, state.ledger, (), {}).pending
            assert pending.open_fen == pending.debits_fen == pending.credits_fen

    def teardown(self) -> None:
        for account_id in sorted(self.model.frozen):
            self.freeze(account_id, frozen=False)
        self.world.now_ms += 1_000_000
        for shard in range(SHARDS):
            while expire_pendings(self.world.states[shard], self.world.now_ms, 10, 0):
                self.expire(shard, 10)
        for _ in range(2):
            for shard in range(SHARDS):
                self.deliver(shard, again=False)
        self.the_balances_agree_with_the_model()
        assert self.world.books().in_transit_fen == 0
        for shard, journal in enumerate(self.world.journals):
            before = self.world.states[shard].snapshot()
            for snapshot_seq in (0, len(journal) // 2, len(journal)):
                self.world.crash(shard, snapshot_seq)
                assert self.world.states[shard].snapshot() == before


Day.TestCase.settings = settings(
    max_examples=100, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestDay = Day.TestCase
