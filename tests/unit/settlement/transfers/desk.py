"""A shard that is asked for transfers, in short words: one line a request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hongbao.settlement.v1 import events_pb2 as events
from services.settlement.domain.accounts import BALANCE_FEN_MAX
from services.settlement.domain.commands import deposit
from services.settlement.domain.expiry import expire_pendings
from services.settlement.domain.freezing import freeze_account
from services.settlement.domain.state import SettlementState
from services.settlement.domain.transfer_items import TransferItem, TransferRequest
from services.settlement.domain.transfer_requests import decide_transfers
from services.settlement.domain.transfers import TransferCode, TransferPhase

SHARD, SHARDS = 1, 2
_NAMES = {
    "s7": "sponsor:7",  # With 1000 fen.
    "s1": "sponsor:1",  # With nothing, also of this shard.
    "s2": "sponsor:2",  # Of the other shard.
    "b7": "budget:spring:7",
    "b1": "budget:spring:1",
    "p1": "wallet:1",
    "p2": "wallet:2",  # Of the other shard.
    "fund": "compensation:1",
    "fund0": "compensation:0",
    "fund9": "compensation:9",
    "bank": "bank_clearing:1",
    "e": "escrow:spring.r01:1",
    "bad": "sponsor:9999999999999999999",
    "worse": "nothing:1",
    "-": "",
}
_CODES = {
    "budget": TransferCode.SPONSOR_BUDGET,
    "unbudget": TransferCode.BUDGET_RETURN,
    "fund": TransferCode.FUND_COMPENSATION,
    "payout": TransferCode.SPONSOR_PAYOUT,
    "fix": TransferCode.ADJUSTMENT,
    "packet": TransferCode.PACKET,
    "-": None,
}
_PHASES = {phase.name.lower(): phase for phase in TransferPhase}


@dataclass(slots=True)
class Desk:
    """A shard that is asked, and carries out what it decides."""

    state: SettlementState = field(default_factory=lambda: SettlementState(SHARD, SHARDS))
    now_ms: int = 1
    journal: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commit(deposit(self.state, "0c9c8a52-1b1d-4b5e-9a53-0d7a6a0f7f10", 7, 1000))

    def commit(self, event: events.SettlementEvent | None) -> None:
        if event is not None:
            self.journal.append((self.now_ms, event.SerializeToString()))
            self.state.apply(len(self.journal), self.now_ms, event)

    def operate(self, line: str) -> tuple[list[str], list[str]]:
        """Runs a line; returns the statuses got and the statuses wanted.

        id debit credit amount code [key=value ...] => STATUS    an item; more follow after ; or, linked, &
        time, freeze, free, expire => nothing
        FAILED is short for LINKED_EVENT_FAILED.
        """
        asked, wanted = line.split("=>")
        match asked.split():
            case ["time", moment]:
                self.now_ms = int(moment)
            case ["freeze" | "free" as word, account]:
                self.freeze(_NAMES[account], frozen=word == "freeze")
            case ["expire"]:
                self.commit(expire_pendings(self.state, self.now_ms, 10, 100))
            case _:
                full = wanted.replace(" FAILED", " LINKED_EVENT_FAILED")
                return self.ask(asked), full.split()
        return [], wanted.split()

    def ask(self, asked: str) -> list[str]:
        ends = re.search(r" ends=(\d+)", asked)
        asked = re.sub(r" ends=\d+", "", asked)
        words = [part.strip() for part in re.split(r"(?<=[;&])|(?=[;&])", asked) if part.strip()]
        items = [
            _item(word.split(), linked=words[index + 1 : index + 2] == ["&"])
            for index, word in enumerate(words)
            if word not in {";", "&"}
        ]
        request = TransferRequest(items, int(ends.group(1)) if ends else 1000, "an operator")
        decision = decide_transfers(self.state, request, self.now_ms)
        self.commit(decision.event(request))
        return [result.status.name for result in decision.results]

    def freeze(self, account_id: str, *, frozen: bool) -> None:
        request_id = f"{len(self.journal):08x}-0000-4000-8000-000000000000"
        fact = events.SettlementEvent().transfer_fact.frozen
        fact.account_id, fact.frozen, fact.reason = account_id, frozen, "a reason"
        fact.operator, fact.request_id = "an operator", request_id
        self.commit(freeze_account(self.state, fact))

    def rebuilt(self, snapshot_seq: int = 0) -> SettlementState:
        """The state from the journal alone, or from a snapshot and what came after."""
        state = SettlementState(SHARD, SHARDS)
        for seq, (time_ms, payload) in enumerate(self.journal, start=1):
            state.apply(seq, time_ms, events.SettlementEvent.FromString(payload))
            if seq == snapshot_seq:
                kept, state = state.snapshot(), SettlementState(SHARD, SHARDS)
                state.restore(kept)
        return state


def _item(words: list[str], *, linked: bool) -> TransferItem:
    transfer_id, debit, credit, amount, code, *more = words
    options = dict(option.split("=") for option in more)
    return TransferItem(
        transfer_id,
        _NAMES[debit],
        _NAMES[credit],
        BALANCE_FEN_MAX if amount == "BIG" else int(amount),
        _CODES[code],
        options.get("of", "spring" if {"b7", "b1"} & {debit, credit} else ""),
        options.get("ref", ""),
        linked,
        _PHASES[options.get("phase", "single")],
        options.get("of_pending", ""),
        int(options.get("timeout", "0")),
    )
