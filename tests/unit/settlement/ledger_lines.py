"""Operations of a ledger in short words: one line an operation, ending in the status that it must have."""

from __future__ import annotations

from services.settlement.domain.accounts import BALANCE_FEN_MAX, CLEARING_FEN_MAX, AccountId
from services.settlement.domain.balances import Freeze
from services.settlement.domain.ledger import Ledger
from services.settlement.domain.transfers import (
    Batch,
    Position,
    Transfer,
    TransferCode,
    TransferId,
    TransferPhase,
    WalletCredits,
)

_NAMES = {
    "bank": "bank_clearing:0",
    "s7": "sponsor:7",
    "s8": "sponsor:8",
    "e0": "escrow:spring.r01:0",
    "e1": "escrow:spring.r01:1",
    "pool": "pool:spring",
    "p1": "wallet:1",
    "p2": "wallet:2",
    "out": "in_transit:0:1",
    "in": "in_transit:1:0",
}
_CODES = {"bank": TransferCode.DEPOSIT, "in": TransferCode.ROUND_HOLD}
_PHASES = {
    "": TransferPhase.SINGLE,
    "reserve": TransferPhase.PENDING,
    "post": TransferPhase.POST,
    "void": TransferPhase.VOID,
    "expire": TransferPhase.EXPIRE,
}
_BIG = BALANCE_FEN_MAX
_HUGE = CLEARING_FEN_MAX


def operate(ledger: Ledger, line: str) -> tuple[str, str]:
    """Runs `operation status`; returns the status got and the status wanted.

    id debit credit amount [of=sponsor] STATUS       a transfer; lines joined by + are one batch
    pay id debit person:amount,... at=seq.step[+] STATUS       columns from a feed; + when more steps follow
    reserve:id, post:id:pending, void:id:pending, expire:id:pending       in place of a transfer's id
    close account CLOSED
    freeze account FROZEN
    """
    *words, wanted = line.split()
    if words[0] == "close":
        ledger.close(_NAMES[words[1]])
        return "CLOSED", wanted
    if words[0] == "freeze":
        ledger.frozen[AccountId(_NAMES[words[1]])] = Freeze("a reason", "an operator", "a request", 0)
        return "FROZEN", wanted
    if words[0] == "pay":
        return ledger.post(_columns(words)).status.name, wanted
    transfers = [transfer_of(part.split()) for part in " ".join(words).split("+")]
    return ledger.post(Batch(transfers=transfers)).status.name, wanted


def transfer_of(words: list[str]) -> Transfer:
    name, debit, credit, amount = words[:4]
    phase, _, name = name.rpartition(":") if name.count(":") < 2 else ("", "", name)
    pending_id = ""
    if ":" in name:
        phase, name, pending_id = name.split(":")
    sponsor_id = int(words[4].removeprefix("of=")) if len(words) > 4 else 7
    amount_fen = {"BIG": _BIG, "HUGE": _HUGE}.get(amount) or int(amount)
    return Transfer(
        TransferId(name),
        AccountId(_NAMES[debit]),
        AccountId(_NAMES[credit]),
        amount_fen,
        _CODES.get(debit, TransferCode.ROUND_HOLD),
        "spring",
        sponsor_id,
        _PHASES[phase],
        TransferId(pending_id),
    )


def _columns(words: list[str]) -> Batch:
    _, transfer_id, debit, credits_, at = words
    pairs = [pair.split(":") for pair in credits_.split(",") if ":" in pair]
    person_ids = [int(pair[0]) for pair in pairs if pair[0]]
    amounts_fen = [int(pair[1]) for pair in pairs]
    seq, step = at.removeprefix("at=").rstrip("+").split(".")
    columns = WalletCredits(
        TransferId(transfer_id),
        AccountId(_NAMES[debit]),
        person_ids,
        amounts_fen,
        TransferCode.PACKET,
        "spring",
    )
    position = Position("allocation/0", int(seq), int(step), more=at.endswith("+"))
    return Batch(columns=[columns], position=position)
