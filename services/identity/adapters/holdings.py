"""What each subject of identity keeps of people: how it is erased, and how its owner is shown it.

A subject that keeps personal data adds a `Holding` to `Grounds.holdings` when its room is put together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from services.identity.domain.people import AccountId, PersonId
from services.identity.domain.privacy.erasures import DataCategory

AfterCommit = Callable[[], None]
"""Runs on the event loop once the erasure is durable, to wake somebody. Must not raise."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What a holding has erased."""

    count: int
    after_commit: AfterCommit | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """One kind of data. All of it works within the transaction of the connection that it is given.

    Erasing empties columns and erases data keys. It runs once for an account, and once for a person whose
    last account goes, but again when its transaction is undone.
    """

    category: DataCategory
    erase_account: Callable[[sa.Connection, AccountId, int], Erased] | None = None
    """What belongs to an account, at a time in milliseconds."""
    erase_person: Callable[[sa.Connection, PersonId, int], Erased] | None = None
    """What belongs to a person, verified or provisional."""
    show_account: Callable[[sa.Connection, AccountId], Any] | None = None
    """What is there, as JSON has it; None for nothing."""
    show_person: Callable[[sa.Connection, PersonId], Any] | None = None
