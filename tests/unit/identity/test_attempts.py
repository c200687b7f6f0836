from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import secrets
from collections import Counter

from services.identity.domain import resident_id, secret
from services.identity.domain.attempts import AttemptLimit, Attempts
from services.identity.domain.cases.case import Case
from services.identity.domain.errors import AttemptLimitReached, NameMismatch
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    Bearer,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    Standing,
    Verified,
)
from services.identity.domain.ports import RegistryAnswer
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.verification import Verification
from services.mesh.clock import ManualClock
from services.mesh.language import Language

LIMIT = AttemptLimit(failures_max=3, window_s=86_400)
SECRET = "a" * 43
NUMBER = resident_id.make("110105", dt.date(1990, 5, 1), 11)


class Accounts:
    """One account, as the port promises, in memory; every call takes a turn of the loop."""

    def __init__(self) -> None:
        self.account = Account(AccountId(7), "13800138000", "小明", secret.store(SECRET, b"s" * 16), 1)
        self.failures = 0

    async def register(self, account: Account, request_id: str) -> Account:
        raise NotImplementedError(account, request_id)

    async def find(self, account_id: AccountId) -> Account | None:
        raise NotImplementedError(account_id)

    async def find_case(self, account_id: AccountId, case_number: CaseNumber) -> Case | None:
        raise NotImplementedError(account_id, case_number)

    async def standing(self, account_id: AccountId, since_ms: int) -> Standing | None:
        assert (account_id, since_ms) == (7, ManualClock().now_ms() - LIMIT.window_s * 1000)
        standing = Standing(self.account, self.failures)
        await asyncio.sleep(0)
        return standing

    async def bearer(self, account_id: AccountId, provisional_id: PersonId, now_ms: int) -> Bearer:
        raise NotImplementedError(account_id, provisional_id, now_ms)

    async def tie(
        self, account_id: AccountId, person: Person, now_ms: int, trace_context: str = ""
    ) -> Verified:
        assert (account_id, trace_context) == (7, "")
        self.account = dataclasses.replace(self.account, person=person, verified_ms=now_ms)
        await asyncio.sleep(0)
        return Verified(person, None)

    async def open_case(self, failed: FailedCheck, case_number: CaseNumber, now_ms: int) -> Case:
        self.failures += failed.counts
        await asyncio.sleep(0)
        return Case(case_number, failed.account_id, failed.reason, failed.step, now_ms)


class Registry:
    """Knows everybody as 王芳, and counts the questions."""

    def __init__(self) -> None:
        self.questions = 0

    async def match(self, name: PersonName, resident_id: ResidentId) -> RegistryAnswer:
        assert resident_id.number == NUMBER
        self.questions += 1
        await asyncio.sleep(0)
        return RegistryAnswer.MATCH if name.text == "王芳" else RegistryAnswer.OTHER_NAME


class Office:
    def __init__(self) -> None:
        self.accounts, self.registry = Accounts(), Registry()
        clock = ManualClock()
        attempts = Attempts(self.accounts, clock, secrets.randbits, LIMIT)
        self.verification = Verification(self.accounts, self.registry, attempts, clock, secrets.randbits)

    async def verify(self, name: str) -> str:
        try:
            await self.verification.verify(AccountId(7), SECRET, name, NUMBER, Language.CHINESE)
        except (AttemptLimitReached, NameMismatch) as refusal:
            return refusal.reason
        return "VERIFIED"


async def test_guesses_made_at_once_are_no_more_than_guesses_made_one_after_the_other() -> None:
    office = Office()
    names = [f"王{character}" for character in "一二三四五六七八九十"]
    outcomes = Counter(await asyncio.gather(*(office.verify(name) for name in names)))
    assert outcomes == {"NAME_MISMATCH": 3, "ATTEMPT_LIMIT_REACHED": 7}
    assert office.registry.questions == 3
    assert await office.verify("王芳") == "ATTEMPT_LIMIT_REACHED"


async def test_a_check_sent_twice_at_once_passes_twice() -> None:
    office = Office()
    first, second = await asyncio.gather(office.verify("王芳"), office.verify("王芳"))
    assert (first, second) == ("VERIFIED", "VERIFIED")
    for _ in range(LIMIT.failures_max):
        assert await office.verify("王芳") == "VERIFIED"
