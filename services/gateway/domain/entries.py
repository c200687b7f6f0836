"""What the lines of a statement are called, in the words of whose money it is."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from services.mesh.language import sentence


class EntryKind(enum.IntEnum):
    """Why money moved; numbered as in the contract."""

    OTHER = 0
    PACKET = 1
    POOL_PRIZE = 2
    ENVELOPE_SENT = 3
    ENVELOPE_SHARE = 4
    ENVELOPE_RETURN = 5
    WAITING_PAID = 6
    MERGED = 7
    WITHDRAWAL = 8
    COMPENSATION = 9
    ADJUSTMENT = 10


class EntryPhase(enum.IntEnum):
    """What was done with the money; numbered as in the contract."""

    MOVED = 1
    RESERVED = 2
    RELEASED = 3


KINDS: Final[Mapping[str, EntryKind]] = MappingProxyType(
    {
        "PACKET": EntryKind.PACKET,
        "POOL_PRIZE": EntryKind.POOL_PRIZE,
        "ENVELOPE_HOLD": EntryKind.ENVELOPE_SENT,
        "ENVELOPE_SHARE": EntryKind.ENVELOPE_SHARE,
        "ENVELOPE_RETURN": EntryKind.ENVELOPE_RETURN,
        "WAITING_PAID": EntryKind.WAITING_PAID,
        "WALLET_MERGED": EntryKind.MERGED,
        "WITHDRAWAL": EntryKind.WITHDRAWAL,
        "COMPENSATION": EntryKind.COMPENSATION,
        # To the person it is all the same from where a dispute is paid.
        "REVERSAL": EntryKind.COMPENSATION,
        "ADJUSTMENT": EntryKind.ADJUSTMENT,
        # Operators found that the bank had not paid.
        "WITHDRAWAL_RETURN": EntryKind.ADJUSTMENT,
    }
)
"""By the names of settlement's transfer codes; all others move no money of wallets."""
PHASES: Final[Mapping[str, EntryPhase]] = MappingProxyType(
    {
        "PENDING": EntryPhase.RESERVED,
        "VOID": EntryPhase.RELEASED,
        "EXPIRE": EntryPhase.RELEASED,
    }
)
"""By the names of settlement's phases of transfers; in all others money moves."""

_TITLES: Final = {
    EntryKind.OTHER: sentence("其他", "Other"),
    EntryKind.PACKET: sentence("红包", "Red packet"),
    EntryKind.POOL_PRIZE: sentence("集五福奖金", "Share of the prize pool"),
    EntryKind.ENVELOPE_SENT: sentence("发出红包", "Envelope sent"),
    EntryKind.ENVELOPE_SHARE: sentence("收到红包", "Share of an envelope"),
    EntryKind.ENVELOPE_RETURN: sentence("红包退回", "Rest of an envelope returned"),
    EntryKind.WAITING_PAID: sentence("实名后到账的红包", "Winnings that had waited for your verification"),
    EntryKind.MERGED: sentence("账户合并", "Accounts of one person merged"),
    EntryKind.WITHDRAWAL: sentence("提现", "Withdrawal to a bank card"),
    EntryKind.COMPENSATION: sentence("申诉赔付", "Compensation for a dispute"),
    EntryKind.ADJUSTMENT: sentence("人工调整", "Adjustment by an operator"),
}
_NOTES: Final = {
    EntryPhase.RESERVED: sentence("·冻结", ": reserved"),
    EntryPhase.RELEASED: sentence("·解冻", ": released"),
}


def title(kind: EntryKind, phase: EntryPhase, language: str) -> str:
    """What an entry is called, by a language tag that people are answered in."""
    note = _NOTES.get(phase)
    return _TITLES[kind][language] + ("" if note is None else note[language])
