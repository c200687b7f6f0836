"""Cases on real databases: no case without an answer, whoever writes."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.case_rows import erase_texts_within, resolve_within
from services.identity.adapters.case_tables import case_desk
from services.identity.adapters.cases import SqlCaseStore
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import cases, schema
from services.identity.domain.cases.case import Case, CaseState, Outcome, QueueFilter
from services.identity.domain.cases.desk import CaseDesk, CaseTerms
from services.identity.domain.cases.errors import CaseEnded, CaseTaken
from services.identity.domain.errors import CaseUnknown, RequestIdReused
from services.identity.domain.people import AccountId, CaseNumber, FailedCheck, case_number
from services.identity.domain.registration import Registered, Registration
from services.identity.settings import IdentitySettings
from services.mesh.clock import ManualClock
from services.mesh.database.database import Database
from tests.integration.people_databases import database_url, identity_vault, opened
from tests.integration.same_moment import waits_empty_handed

__all__ = ["database_url"]

DAY_S = 86_400
TERMS = CaseTerms(notes_max=4, overdue_s=2 * DAY_S, lapse_s=30 * DAY_S, silence_s=90 * DAY_S)
_phones = itertools.count(13_800_138_000)


class Replica:
    """One process of the service."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.clock, self.database = clock, database
        self.vault = identity_vault(database)
        self.accounts = SqlAccountStore(database, self.vault, SqlPersonFeed(database, clock))
        self.store = SqlCaseStore(database, self.vault)
        self.registration = Registration(self.accounts, clock, secrets.randbits, bytes(32))
        self.desk = CaseDesk(self.store, self.registration, clock, TERMS)

    async def account(self) -> Registered:
        return await self.registration.register(str(uuid.uuid4()), str(next(_phones)), "小明")

    async def failed(
        self,
        account_id: AccountId,
        typed: str = "王明",
        step: str = "name_match",
        reason: str = "NAME_MISMATCH",
    ) -> CaseNumber:
        failed = FailedCheck(account_id, reason, step, (typed,), counts=True)
        now_ms = self.clock.now_ms()
        case = await self.accounts.open_case(failed, case_number(now_ms, secrets.randbits(40)), now_ms)
        return case.case_number

    async def queue(self, wanted: QueueFilter | None = None) -> list[CaseNumber]:
        """All of the queue, in pages of two."""
        numbers: list[CaseNumber] = []
        token = ""
        while True:
            page = await self.desk.queue(wanted or QueueFilter(), 2, token)
            numbers += [case.case_number for case in page.cases]
            token = page.next_page_token
            if not token:
                return numbers


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        yield [
            Replica(await stack.enter_async_context(opened(settings, schema)), clock) for _ in range(count)
        ]


async def test_a_case_goes_from_the_person_to_an_operator_and_back_and_ends_with_an_answer(
    database_url: str,
) -> None:
    async with replicas(database_url, 1) as (replica,):
        account, desk = await replica.account(), replica.desk
        number = await replica.failed(account.account_id)
        who = (account.account_id, account.login_secret, number)
        await desk.take(number, "lin")
        await desk.ask(number, "lin", str(uuid.uuid4()), "您改过名吗")
        note_id = str(uuid.uuid4())
        for _ in range(2):
            case = await desk.add(*who, note_id, "去年改的", "photo-1")
        assert (case.state, case.operator, case.note_count) == (CaseState.WITH_OPERATOR, "lin", 2)
        with pytest.raises(RequestIdReused):
            await desk.add(*who, note_id, "今年改的", "photo-1")
        await replica.clock.advance(60)
        answered = await desk.answer(number, "lin", Outcome.SOURCE_WRONG, "请先到派出所更正")
        read, notes = await desk.of_person(*who)
        assert read == answered
        assert read.answer is not None
        assert (read.answer.words, read.age_s(replica.clock.now_ms() + 1)) == ("请先到派出所更正", 60)
        assert [(note.text, note.photo_reference) for note in notes] == [
            ("您改过名吗", ""),
            ("去年改的", "photo-1"),
        ]
        # What fails in the same way after that is a new case.
        assert await replica.failed(account.account_id) != number


async def test_of_two_operators_at_once_one_gets_the_case(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        number = await pair[0].failed((await pair[0].account()).account_id)
        names = ["lin", "wang", "chen", "zhao"]
        answers = await asyncio.gather(
            *(pair[turn % 2].desk.take(number, name) for turn, name in enumerate(names)),
            return_exceptions=True,
        )
        taken = [answer for answer in answers if isinstance(answer, Case)]
        assert len(taken) == 1
        refused = [answer for answer in answers if isinstance(answer, CaseTaken)]
        assert [error.metadata["operator"] for error in refused] == [taken[0].operator] * 3


async def test_an_answer_and_a_check_that_passes_at_once_end_the_case_once(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        account = await pair[0].account()
        number = await pair[0].failed(account.account_id)

        async def answer() -> None:
            await pair[0].desk.answer(number, "lin", Outcome.REFUSED, "")

        async def passed() -> None:
            await pair[1].database.write(lambda connection: _resolved(connection, account.account_id))

        outcomes = await asyncio.gather(answer(), passed(), return_exceptions=True)
        assert all(outcome is None or isinstance(outcome, CaseEnded) for outcome in outcomes)
        case, _ = await pair[0].desk.read(number)
        assert case.answer is not None
        assert await pair[1].queue() == []


async def test_a_check_that_passes_waits_for_a_case_that_an_operator_holds_and_holds_nothing_of_it(
    postgres_url: str,
) -> None:
    async with replicas(postgres_url, 2) as (one, other):
        account = await one.account()
        await one.failed(account.account_id)

        async def passed() -> None:
            await other.database.write(lambda connection: _resolved(connection, account.account_id))

        assert await waits_empty_handed(passed, one.database, sa.select(cases), sa.select(case_desk))


async def test_the_queue_is_the_oldest_first_in_pages_and_by_what_is_asked_for(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        account = await replica.account()
        numbers = []
        for turn in range(5):
            numbers.append(
                await replica.failed(account.account_id, typed=f"王{turn}", step=f"step-{turn % 2}")
            )
            await replica.clock.advance(DAY_S)
        await replica.desk.take(numbers[1], "lin")
        await replica.desk.ask(numbers[2], "lin", str(uuid.uuid4()), "您改过名吗")
        await replica.desk.answer(numbers[3], "lin", Outcome.CORRECTED, "")
        first, taken, asked, _answered, last = numbers
        assert await replica.queue() == [first, taken, asked, last]
        assert await replica.queue(QueueFilter((CaseState.WITH_OPERATOR,))) == [taken]
        assert await replica.queue(QueueFilter(step="step-0")) == [first, asked, last]
        assert await replica.queue(QueueFilter(reason="CARD_REFUSED")) == []
        assert await replica.queue(replica.desk.overdue(QueueFilter())) == [first, taken]
        page = await replica.desk.listed(account.account_id, account.login_secret, 3, "")
        rest = await replica.desk.listed(account.account_id, account.login_secret, 3, page.next_page_token)
        listed = [case.case_number for case in (*page.cases, *rest.cases)]
        assert listed == numbers[::-1]


async def test_a_case_of_another_account_is_unknown(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account, other = await replica.account(), await replica.account()
        number = await replica.failed(account.account_id)
        who = (other.account_id, other.login_secret, number)
        with pytest.raises(CaseUnknown, match=f"account {other.account_id} has no case"):
            await replica.desk.of_person(*who)
        with pytest.raises(CaseUnknown, match="there is no case K160207-00000000"):
            await replica.desk.read(CaseNumber("K160207-00000000"))
        with pytest.raises(CaseUnknown):
            await replica.desk.add(*who, str(uuid.uuid4()), "不是我的", "")


@pytest.mark.parametrize("values", [{"state": 5}, {"state": 2, "ended_ms": 7}, {"outcome": 3, "ended_ms": 7}])
async def test_no_statement_ends_a_case_without_an_answer(tmp_path: Path, values: dict[str, int]) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        number = await replica.failed((await replica.account()).account_id)
        statement = case_desk.update().where(case_desk.c.case_number == number).values(values)
        with pytest.raises(sa.exc.IntegrityError), replica.database._engine.begin() as connection:
            connection.execute(statement)


async def test_cases_from_before_there_was_a_desk_are_queued_and_shown(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account = await replica.account()
        open_number = await replica.failed(account.account_id)
        passed_number = await replica.failed(account.account_id, typed="王强")
        with replica.database._engine.begin() as connection:
            connection.execute(case_desk.delete())
            connection.execute(
                sa.text("UPDATE identity_cases SET resolved_ms = 7 WHERE case_number = :number"),
                {"number": passed_number},
            )
        passed, _ = await replica.desk.read(passed_number)
        assert (passed.state, passed.resolved_ms) == (CaseState.RESOLVED, 7)
        assert await replica.queue() == []
        assert await replica.store.take_in_earlier_cases(10) == 1
        assert await replica.store.take_in_earlier_cases(10) == 0
        assert await replica.queue() == [open_number]
        assert (await replica.desk.take(open_number, "lin")).state is CaseState.WITH_OPERATOR


async def test_cases_that_nobody_came_back_to_are_answered_in_time(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account = await replica.account()
        forgotten = await replica.failed(account.account_id)
        noted = await replica.failed(account.account_id, typed="王强")
        await replica.desk.add(
            account.account_id, account.login_secret, noted, str(uuid.uuid4()), "请看看", ""
        )
        await replica.clock.advance(30 * DAY_S)
        assert await replica.desk.lapse(10) == 0
        await replica.clock.advance(1)
        assert await replica.desk.lapse(10) == 1
        case, _ = await replica.desk.read(forgotten)
        assert case.answer is not None
        assert (case.state, case.answer.outcome) == (CaseState.ANSWERED, Outcome.LAPSED)
        assert await replica.queue() == [noted], "somebody waits for an answer"


async def test_a_person_who_does_not_answer_an_operator_ends_the_case_after_a_longer_time(
    database_url: str,
) -> None:
    async with replicas(database_url, 1) as (replica,):
        account, desk = await replica.account(), replica.desk
        asked = await replica.failed(account.account_id)
        contradicted = await replica.failed(account.account_id, reason="CHECK_CONTRADICTED")
        for number in (asked, contradicted):
            await desk.ask(number, "lin", str(uuid.uuid4()), "您改过名吗")
        await replica.clock.advance(60 * DAY_S)
        await desk.ask(asked, "lin", str(uuid.uuid4()), "还在吗")
        await replica.clock.advance(90 * DAY_S)
        assert await desk.lapse(10) == 1, "that of the provider"
        case, _ = await desk.read(contradicted)
        assert (case.state, case.operator) == (CaseState.WITH_OPERATOR, "lin")
        await replica.clock.advance(1)
        assert await desk.lapse(10) == 1
        case, _ = await desk.read(asked)
        assert case.answer is not None
        assert (case.state, case.answer.outcome) == (CaseState.ANSWERED, Outcome.LAPSED)
        assert await replica.queue() == [contradicted]
        assert await replica.failed(account.account_id) != asked


async def test_an_erasure_answers_what_waits_for_an_operator_or_the_person(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        account = await replica.account()
        noted = await replica.failed(account.account_id)
        asked = await replica.failed(account.account_id, typed="王强")
        other = await replica.failed((await replica.account()).account_id)
        who = (account.account_id, account.login_secret, noted)
        await replica.desk.add(*who, str(uuid.uuid4()), "请看看", "")
        await replica.desk.ask(asked, "lin", str(uuid.uuid4()), "您改过名吗")
        await replica.database.write(
            lambda connection: erase_texts_within(connection, replica.vault, account.account_id, 7)
        )
        for number in (noted, asked):
            case, _ = await replica.desk.read(number)
            assert case.answer is not None
            assert (case.state, case.answer.outcome, case.answer.answered_ms) == (
                CaseState.ANSWERED,
                Outcome.LAPSED,
                7,
            )
        assert await replica.queue() == [other]


async def test_what_a_provider_contradicted_itself_about_is_never_forgotten(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account = await replica.account()
        contradicted = await replica.failed(account.account_id, reason="CHECK_CONTRADICTED")
        await replica.failed(account.account_id)
        await replica.clock.advance(31 * DAY_S)
        assert await replica.desk.lapse(10) == 1
        assert await replica.queue() == [contradicted]


async def test_erased_texts_are_gone_and_the_case_is_still_there(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        account = await replica.account()
        number = await replica.failed(account.account_id)
        who = (account.account_id, account.login_secret, number)
        await replica.desk.add(*who, str(uuid.uuid4()), "我叫王小明", "photo-1")
        await replica.desk.answer(number, "lin", Outcome.REFUSED, "王小明您好")
        assert "王小明".encode() not in await asyncio.to_thread(contents, tmp_path)
        await replica.database.write(
            lambda connection: erase_texts_within(connection, replica.vault, account.account_id, 7)
        )
        case, notes = await replica.desk.of_person(*who)
        assert case.answer is not None
        assert (case.answer.outcome, case.answer.words) == (Outcome.REFUSED, "")
        assert [(note.text, note.photo_reference) for note in notes] == [("", "")]


def _resolved(connection: sa.Connection, account_id: AccountId) -> None:
    resolve_within(connection, account_id, 9_999_999_999_999, about_cards=False)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())
