"""Scores, consents and queries on real databases."""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.identity.adapters.credit.keeping import RecordPurge
from services.identity.adapters.credit.tables import conducts, queries, scores
from services.identity.adapters.erasures import SqlErasureStore
from services.identity.adapters.holdings_of_credit import scored
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.domain.credit.errors import ConsentMissing, CreditPersonUnknown
from services.identity.domain.credit.loans import Repayment
from services.identity.domain.credit.partners import (
    ConsentState,
    Outcome,
    PartnerId,
    PartnerKind,
    Query,
    Scope,
)
from services.identity.domain.credit.ports import Conduct
from services.identity.domain.credit.raises import Raise
from services.identity.domain.credit.rules import Factor
from services.identity.domain.credit.score import FactorState, Score
from services.identity.domain.credit.signals import DAY_MS
from services.identity.domain.errors import RequestIdReused
from services.identity.domain.people import PersonId
from services.mesh.clock import ManualClock
from tests.integration.credit_office import DAY_S, SCORES_MAX, Office, office
from tests.integration.people_databases import database_url, identity_vault
from tests.integration.same_moment import waits_for

__all__ = ["database_url"]

HOUR_MS = 3_600_000


async def grant(at: Office, person_id: PersonId, partner_id: PartnerId, *scopes: Scope) -> None:
    ends_ms = at.clock.now_ms() + HOUR_MS
    await at.consenting.grant(person_id, str(uuid.uuid4()), partner_id, frozenset(scopes or Scope), ends_ms)


async def versions(at: Office, person_id: PersonId) -> list[int]:
    page = await at.scoring.listed(person_id, 0, "")
    return [score.version for score in page.items]


def state(score: Score, factor: Factor) -> FactorState:
    return next(one.state for one in score.factors if one.factor is factor)


async def test_a_score_is_kept_and_computed_anew_when_it_is_old_or_wrong(database_url: str) -> None:
    async with office(database_url) as at:
        person_id = await at.somebody()
        first = (await at.scoring.get(person_id)).score
        assert (await at.scoring.get(person_id)).score == first
        assert await versions(at, person_id) == [1]
        await at.scoring.report(Conduct("post/1", person_id, 1, at.clock.now_ms()))
        worse = await at.scoring.get(person_id)
        assert (worse.score.version, worse.score.score) == (2, first.score - 38)
        assert worse.gains[0].by is Raise.STAY
        assert Raise.KEEP_RULES in {gain.by for gain in worse.gains}
        for _ in range(SCORES_MAX):
            await at.clock.advance(DAY_S)
            await at.scoring.get(person_id)
        assert await versions(at, person_id) == [6, 5, 4, 3]
        page = await at.scoring.listed(person_id, 3, "")
        rest = await at.scoring.listed(person_id, 3, page.next_page_token)
        assert [score.version for score in (*page.items, *rest.items)] == [6, 5, 4, 3]
        # After a year what was judged counts no more.
        await at.clock.advance(366 * DAY_S)
        assert Raise.KEEP_RULES not in {gain.by for gain in (await at.scoring.get(person_id)).gains}


async def test_who_does_not_answer_is_taken_to_know_what_they_knew_last(tmp_path: Path) -> None:
    async with office(f"sqlite:{tmp_path}") as at:
        person_id = await at.somebody()
        at.world.balance_fen, at.world.friends = None, 10
        neutral = (await at.scoring.get(person_id)).score
        assert state(neutral, Factor.ASSETS) is FactorState.NEUTRAL
        assert state(neutral, Factor.RELATIONS) is FactorState.FRESH
        at.world.balance_fen = 100_000
        assert (await at.scoring.get(person_id)).score == neutral, "nobody is asked again at once"
        await at.clock.advance(60)
        rich = (await at.scoring.get(person_id)).score
        assert state(rich, Factor.ASSETS) is FactorState.FRESH
        at.world.balance_fen = None
        await at.clock.advance(DAY_S)
        later = (await at.scoring.get(person_id)).score
        assert state(later, Factor.ASSETS) is FactorState.LAST_KNOWN
        assets = next(one for one in later.factors if one.factor is Factor.ASSETS)
        assert assets.as_of_ms == rich.computed_ms
        assert assets.points == next(one.points for one in rich.factors if one.factor is Factor.ASSETS)


async def test_what_a_guest_did_is_held_against_the_person_who_turns_out(database_url: str) -> None:
    async with office(database_url) as at:
        person_id = await at.somebody()
        good = (await at.scoring.get(person_id)).score.score
        account_id = await at.account()
        guest_id = await at.guest(account_id)
        merchant = await at.partner("merchant", PartnerKind.MERCHANT)
        guest = await at.scoring.get(guest_id)
        assert guest.score.person_id == guest_id
        assert guest.gains[0].by in {Raise.VERIFY_PERSON, Raise.STAY}
        await at.scoring.report(Conduct("post/1", guest_id, 1, at.clock.now_ms()))
        with pytest.raises(ConsentMissing):
            await at.asking.query(merchant, str(uuid.uuid4()), guest_id, Scope.SCORE)
        assert await at.verified(account_id) == person_id
        merged = (await at.scoring.get(guest_id)).score
        assert merged.person_id == person_id
        assert merged.score < good
        assert (await at.scoring.get(person_id)).score == merged
        for number in (guest_id, person_id):
            page = await at.consenting.queries(number, 0, "")
            assert [query.outcome for query in page.items] == [Outcome.CONSENT_MISSING]
        with pytest.raises(CreditPersonUnknown):
            await at.scoring.get(PersonId(5))


async def test_a_repeat_does_not_tell_a_partner_that_two_numbers_are_one_person(database_url: str) -> None:
    async with office(database_url) as at:
        person_id, account_id = await at.somebody(), await at.account()
        guest_id, merchant = await at.guest(account_id), await at.partner("merchant", PartnerKind.MERCHANT)
        requests = {str(uuid.uuid4()): guest_id}

        async def ask(request_id: str, number: PersonId) -> None:
            with pytest.raises(ConsentMissing):
                await at.asking.query(merchant, request_id, number, Scope.SCORE)

        await ask(*next(iter(requests.items())))
        await at.verified(account_id)
        requests |= {str(uuid.uuid4()): number for number in (guest_id, person_id)}
        for request_id, number in requests.items():
            for _ in range(2):
                await ask(request_id, number)
            for other in {guest_id, person_id, PersonId(5)} - {number}:
                with pytest.raises(RequestIdReused):
                    await at.asking.query(merchant, request_id, other, Scope.SCORE)
        assert len((await at.consenting.queries(person_id, 0, "")).items) == len(requests)


async def test_what_is_known_of_a_guest_goes_with_the_person_who_turned_out(tmp_path: Path) -> None:
    async with office(f"sqlite:{tmp_path}") as at:
        person_id, account_id = await at.somebody(), await at.account()
        guest_id = await at.guest(account_id)
        merchant = await at.partner("merchant", PartnerKind.MERCHANT)
        await at.scoring.get(guest_id)
        await at.scoring.report(Conduct("post/1", guest_id, 1, at.clock.now_ms()))
        with pytest.raises(ConsentMissing):
            await at.asking.query(merchant, str(uuid.uuid4()), guest_id, Scope.SCORE)
        await at.verified(account_id)
        await at.scoring.get(person_id)
        erase = scored().erase_person
        assert erase is not None
        await at.database.write(lambda connection: erase(connection, person_id, 1))
        for table in (scores, conducts, queries):
            assert await at.database.read(partial(_rows, table=table)) == []


async def test_nothing_is_computed_of_who_has_no_account_left(database_url: str) -> None:
    async with office(database_url) as at:
        accounts = [await at.account() for _ in range(3)]
        (person_id,) = {await at.verified(account_id) for account_id in accounts[:2]}
        guest_id = await at.guest(accounts[2])
        vault, feed = identity_vault(at.database), SqlPersonFeed(at.database, at.clock)
        erasures = SqlErasureStore(at.database, vault, feed, [scored()])
        await erasures.erase(accounts[0], 1, 2, "")
        assert (await at.scoring.check(person_id)).is_known
        for account_id in accounts[1:]:
            await erasures.erase(account_id, 1, 2, "")
        for nobody in (person_id, guest_id):
            assert not (await at.scoring.check(nobody)).is_known
        assert await at.database.read(partial(_rows, table=scores)) == []


async def test_a_consent_is_not_withdrawn_while_a_partner_is_being_answered(postgres_url: str) -> None:
    clock = ManualClock()
    async with office(postgres_url, clock) as at, office(postgres_url, clock) as other:
        person_id, lender = await at.somebody(), await at.partner("lender")
        await grant(at, person_id, lender.partner_id)
        consent = (await at.consenting.listed(person_id, 0, "")).items[0]
        assert await waits_for(
            partial(other.consenting.withdraw, person_id, consent.consent_id),
            at.database,
            partial(at.asking.query, lender, str(uuid.uuid4()), person_id, Scope.EXPOSURE),
        )


async def test_one_question_asked_from_everywhere_at_once_is_one_query(database_url: str) -> None:
    clock = ManualClock()
    async with office(database_url, clock) as at, office(database_url, clock) as other:
        person_id = await at.somebody()
        lender = await at.partner("lender")
        await grant(at, person_id, lender.partner_id)
        request_id = str(uuid.uuid4())
        found = await asyncio.gather(
            *(one.asking.query(lender, request_id, person_id, Scope.SCORE) for one in (at, other) * 3)
        )
        assert len({query.query_id for query in found}) == 1
        assert len({query.score for query in found}) == 1
        page = await at.consenting.queries(person_id, 0, "")
        assert [query.score for query in page.items] == [found[0].score]


async def test_a_partner_has_one_open_consent_of_a_person_whoever_grants_at_once(database_url: str) -> None:
    clock = ManualClock()
    async with office(database_url, clock) as at, office(database_url, clock) as other:
        person_id = await at.somebody()
        lender = await at.partner("lender")
        await asyncio.gather(*(grant(one, person_id, lender.partner_id) for one in (at, other) * 2))
        page = await at.consenting.listed(person_id, 0, "")
        states = [consent.state(clock.now_ms()) for consent in page.items]
        assert sorted(states) == [ConsentState.OPEN] + [ConsentState.WITHDRAWN] * 3


async def test_queries_are_paged_newest_first(tmp_path: Path) -> None:
    async with office(f"sqlite:{tmp_path}") as at:
        person_id = await at.somebody()
        merchant = await at.partner("merchant", PartnerKind.MERCHANT)
        await grant(at, person_id, merchant.partner_id, Scope.SCORE)
        asked = []
        for turn in range(5):
            asked.append(await at.asking.query(merchant, str(uuid.uuid4()), person_id, Scope.SCORE))
            await at.clock.advance(turn % 2)
        found: list[Query] = []
        token = ""
        while True:
            page = await at.consenting.queries(person_id, 2, token)
            found += page.items
            token = page.next_page_token
            if not token:
                break
        assert sorted(found, key=lambda query: query.query_id) == asked
        assert [(one.asked_ms, one.query_id) for one in found] == sorted(
            ((one.asked_ms, one.query_id) for one in asked), reverse=True
        )


async def test_records_whose_time_is_over_are_removed_a_few_at_a_time(database_url: str) -> None:
    async with office(database_url) as at:
        person_id = await at.somebody()
        lender = await at.partner("lender")
        await grant(at, person_id, lender.partner_id)
        for number in ("1", "2"):
            await at.asking.report(lender, number, person_id, 100, at.clock.now_ms() + HOUR_MS)
            await at.asking.query(lender, str(uuid.uuid4()), person_id, Scope.EXPOSURE)
        await at.asking.repay(lender, "1", Repayment("1", 100))
        purge = RecordPurge(at.database, at.clock, kept_ms=10 * DAY_MS, batch_max=1, pause_s=1)
        assert await purge.look() == 0
        await at.clock.advance(11 * DAY_S)
        assert [await purge.look() for _ in range(3)] == [1, 1, 0]
        assert (await at.consenting.queries(person_id, 0, "")).items == []
        assert (await at.consenting.listed(person_id, 0, "")).items == []
        # What is open is kept however long it takes.
        await grant(at, person_id, lender.partner_id)
        query = await at.asking.query(lender, str(uuid.uuid4()), person_id, Scope.EXPOSURE)
        assert query.exposure is not None
        assert (query.exposure.open_loans, query.exposure.owed_fen) == (1, 100)


def _rows(connection: sa.Connection, table: sa.Table) -> list[object]:
    return list(connection.execute(sa.select(table)))
