"""What a withdrawal is."""

from __future__ import annotations

import enum
import hashlib
import itertools
import uuid
from dataclasses import dataclass
from typing import NewType

from services.mesh.shards.hashing import shard_of

WithdrawalId = NewType("WithdrawalId", int)


class WithdrawalState(enum.IntEnum):
    """Where a withdrawal is. The numbers are those of the contract."""

    REQUESTED = 1
    """The money is reserved; nothing was sent to the bank."""
    SUBMITTED = 2
    """It was sent to the bank, or is about to be."""
    UNKNOWN = 3
    """The bank has not said what became of it, and is being asked."""
    SUCCEEDED = 4
    FAILED = 5

    @property
    def is_final(self) -> bool:
        """Whether nothing can change any more."""
        return self >= WithdrawalState.SUCCEEDED


class WithdrawalFailure(enum.IntEnum):
    """Why a withdrawal failed. The numbers are those of the contract."""

    CARD_CLOSED = 1
    NAME_DIFFERS = 2
    LIMIT_AT_BANK = 3
    BANK_DOWN = 4
    NOT_TAKEN = 5
    """The bank never got the order, and its time is over."""
    OTHER = 6


class ResolvedOutcome(enum.IntEnum):
    """What a bank's statement proves of a withdrawal. The numbers are those of the contract."""

    PAID = 1
    NOT_PAID = 2


@dataclass(frozen=True, slots=True)
class Resolution:
    """What two operators found in the bank's statement."""

    request_id: str
    """The operators' UUID for it."""
    outcome: ResolvedOutcome
    operator: str
    second_operator: str
    reason: str
    bank_reference: str
    """Where the statement has it."""
    contradiction: str = ""
    """What the bank had said against the record, in words."""
    resolved_ms: int = 0


@dataclass(frozen=True, slots=True)
class BankCard:
    """A person's bound card, as far as settlement knows it."""

    card_id: int
    number_masked: str = ""
    bank_name: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawalOrder:
    """What a person asked for."""

    withdrawal_id: WithdrawalId
    person_id: int
    amount_fen: int
    card: BankCard
    request_id: str
    """The person's UUID for it."""
    request_ends_ms: int
    """Until when it may be carried out, milliseconds since the Unix epoch."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One withdrawal as it is now. Moments are milliseconds since the Unix epoch, 0 before they have come."""

    order: WithdrawalOrder
    requested_ms: int
    state: WithdrawalState = WithdrawalState.REQUESTED
    order_ends_ms: int = 0
    """The bank takes the order until this moment."""
    cut_off_ms: int = 0
    """From this moment on, a bank that does not know the order never will."""
    ended_ms: int = 0
    failure: WithdrawalFailure | None = None
    bank_reference: str = ""
    """The bank's own name for the payment."""
    kept_until_ms: int = 0
    """Until when it is remembered."""
    contradiction: str = ""
    """What the bank has said against the record, in words. Such a withdrawal is not forgotten before it is
    resolved."""
    resolutions: tuple[Resolution, ...] = ()
    """The newest last."""

    @property
    def withdrawal_id(self) -> WithdrawalId:
        """Its number."""
        return self.order.withdrawal_id

    @property
    def is_open(self) -> bool:
        """Whether its money is still reserved."""
        return not self.state.is_final

    @property
    def booked_as_paid(self) -> bool:
        """Whether the books have it that the bank has paid, from the wallet or from the compensation fund."""
        if self.resolutions:
            return self.resolutions[-1].outcome is ResolvedOutcome.PAID
        return self.state is WithdrawalState.SUCCEEDED


def withdrawal_id_of(person_id: int, request_id: str, request_ends_ms: int, shard_count: int) -> WithdrawalId:
    """The number of a person's withdrawal: on the person's own shard, the same whenever it is asked for.

    It is the first 63-bit hash of person and request that lies there, above 0. The request's end is a part
    of it: settlement forgets a request when it is over, but a bank never forgets a number. Whoever uses a
    request id again for a later one must not be told that this one is paid, when it was the earlier.
    """
    home = shard_of(person_id, shard_count)
    key = b"hongbao withdrawal\0" + person_id.to_bytes(8, "big") + uuid.UUID(request_id).bytes
    key += request_ends_ms.to_bytes(8, "big", signed=True)
    for attempt in itertools.count():
        digest = hashlib.sha256(key + attempt.to_bytes(4, "big")).digest()
        number = int.from_bytes(digest[:8], "big") >> 1
        if number > 0 and shard_of(number, shard_count) == home:
            return WithdrawalId(number)
    raise AssertionError("counting does not end")
