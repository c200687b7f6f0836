"""Checks that fail: how many an account may have, and the case that is opened for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.identity.domain import people, secret
from services.identity.domain.errors import AccountUnknown, AttemptLimitReached, CheckFailed, SecretWrong
from services.identity.domain.people import AccountId, FailedCheck, Standing
from services.identity.domain.ports import AccountStore, DrawBits, WallClock
from services.identity.domain.privacy.errors import AccountErased
from services.mesh.language import Language


@dataclass(frozen=True, slots=True)
class AttemptLimit:
    """How many checks of an account may fail within a time: nobody finds a name or a number by guessing."""

    failures_max: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """A check that begins."""

    standing: Standing
    limit_reached: bool
    """Whether it may still fail; it may succeed in any case where that tells nobody anything new."""


class Attempts:
    """Counts the checks of accounts, those under way included."""

    def __init__(
        self, store: AccountStore, clock: WallClock, draw_bits: DrawBits, limit: AttemptLimit
    ) -> None:
        self._store = store
        self._clock = clock
        self._draw_bits = draw_bits
        self._limit = limit
        self._under_way: Counter[AccountId] = Counter()

    @contextmanager
    def counted(self, account_id: AccountId) -> Iterator[int]:
        """Counts a check for as long as it lasts; gives how many of the account were under way before it.

        To be entered before the first wait: of two checks at once at least one knows of the other.
        """
        others = self._under_way[account_id]
        self._under_way[account_id] += 1
        try:
            yield others
        finally:
            self._under_way[account_id] -= 1
            if not self._under_way[account_id]:
                del self._under_way[account_id]

    async def begin(self, account_id: AccountId, login_secret: str, checks_under_way: int) -> Attempt:
        """Looks at the account. Raises `AccountUnknown`, `SecretWrong`, `AccountErased`."""
        since_ms = self._clock.now_ms() - 1000 * self._limit.window_s
        standing = await self._store.standing(account_id, since_ms)
        if standing is None:
            raise AccountUnknown(account_id)
        if not secret.matches(login_secret, standing.account.secret):
            raise SecretWrong(account_id)
        if standing.account.erased:
            raise AccountErased(account_id)
        # A check under way may fail: whoever guesses many at once must not get more than one after the other.
        failed = standing.failed_checks + checks_under_way
        return Attempt(standing, failed >= self._limit.failures_max)

    def refusal(self, account_id: AccountId, language: Language) -> AttemptLimitReached:
        """What an account over the limit is told."""
        return AttemptLimitReached(
            account_id, limit=self._limit.failures_max, window_s=self._limit.window_s, language=language
        )

    async def with_case(
        self, failure: CheckFailed, account_id: AccountId, typed: tuple[str, ...], language: Language
    ) -> CheckFailed:
        """The same failure with the case that is opened for it, or that was open for the same input."""
        # An outage is one case whatever was typed; a mistake is one case for each thing typed.
        typed = typed if failure.counts else ("",) * len(typed)
        failed = FailedCheck(account_id, failure.reason, failure.step, typed, failure.counts)
        now_ms = self._clock.now_ms()
        case = await self._store.open_case(failed, people.case_number(now_ms, self._draw_bits(40)), now_ms)
        return failure.with_case(case.case_number, language)
