"""What an erasure removes, what it leaves, and for how long."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.identity.domain.people import AccountId, PersonId
from services.mesh.language import sentence

DAY_MS: Final = 86_400_000


class DataCategory(enum.IntEnum):
    """What is kept of people; numbers are the contract's."""

    PROFILE = 1
    SESSIONS = 2
    CASE_TEXTS = 3
    APPLICATIONS = 4
    PHOTOS = 5
    BANK_CARDS = 6
    CONSENTS = 7
    CREDIT = 8
    IDENTITY = 9
    MONEY_RECORDS = 10


class KeepReason(enum.IntEnum):
    """Why something is kept; numbers are the contract's."""

    ANTI_MONEY_LAUNDERING = 1
    OTHER_ACCOUNT = 2


SENTENCES: Final[Mapping[KeepReason, Mapping[str, str]]] = {
    KeepReason.ANTI_MONEY_LAUNDERING: sentence(
        "《反洗钱法》要求在业务关系结束后继续保存客户身份资料和交易记录，到期后自动删除。",
        "The law against money laundering asks to keep this for years after the end; then it is erased.",
    ),
    KeepReason.OTHER_ACCOUNT: sentence(
        "您还有其他账户在使用这些信息，最后一个账户注销时再处理。",
        "Another account of yours still needs it: it goes when the last one does.",
    ),
}


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed."""

    category: DataCategory
    count: int
    removed_ms: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept."""

    category: DataCategory
    reason: KeepReason
    until_ms: int | None
    """None where nobody knows yet."""


@dataclass(frozen=True, slots=True)
class PersonEnd:
    """The end of the last account of a verified person."""

    ended_ms: int
    kept_until_ms: int
    purged_ms: int | None
    """When name and resident ID were removed, too."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """The record of an account's erasure. It names nobody."""

    account_id: AccountId
    person_id: PersonId | None
    """Who was verified behind it."""
    requested_ms: int
    removed: tuple[Removed, ...]
    end: PersonEnd | None
    """None while the person has another account, and for whom nobody was verified."""

    @property
    def kept(self) -> tuple[Kept, ...]:
        """What is left of it now, by category."""
        if self.person_id is None:
            return ()
        if self.end is None:
            # The person is a customer still, or again.
            shared = (DataCategory.BANK_CARDS, DataCategory.IDENTITY, DataCategory.MONEY_RECORDS)
            return tuple(Kept(category, KeepReason.OTHER_ACCOUNT, None) for category in shared)
        if self.end.purged_ms is not None:
            return ()
        reason, until_ms = KeepReason.ANTI_MONEY_LAUNDERING, self.end.kept_until_ms
        left = (DataCategory.IDENTITY, DataCategory.MONEY_RECORDS)
        return tuple(Kept(category, reason, until_ms) for category in left)

    @property
    def all_removed(self) -> tuple[Removed, ...]:
        """What was removed by now, by category."""
        purged_ms = None if self.end is None else self.end.purged_ms
        if purged_ms is None:
            return self.removed
        return (*self.removed, Removed(DataCategory.IDENTITY, 1, purged_ms))

    @property
    def completed_ms(self) -> int | None:
        """When the last of it was removed; None while anything is kept."""
        if self.kept:
            return None
        return self.requested_ms if self.end is None else self.end.purged_ms


def kept_until(ended_ms: int, retention_days: int) -> int:
    """Until when the law wants to see who a customer was.

    The People's Republic's law against money laundering (2006), article 19: at least five years after the
    business relation has ended, for whoever was a customer by name. Later versions ask for more: a setting.
    """
    assert retention_days > 0, "the law asks for years"
    return ended_ms + retention_days * DAY_MS
