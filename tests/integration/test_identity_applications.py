"""Applications on real databases: whatever providers say, and whoever dies, each answer counts once."""

from __future__ import annotations

import asyncio
import itertools
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from hongbao.settlement.v1 import events_pb2, person_events_pb2
from services.identity.adapters.tables import accounts, people
from services.identity.adapters.verifying_tables import applications
from services.identity.domain import bank_cards
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.names import PersonName
from services.identity.domain.people import CardId, CaseNumber, Person, PersonId, Tier
from services.identity.domain.ports import NewCard
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.identity.domain.verifying.application import State
from services.identity.domain.verifying.checks import CheckKind, CheckResult, reference_of
from services.identity.domain.verifying.errors import CheckContradicted, CheckUnknown
from services.identity.domain.verifying.steps import StepKind
from services.mesh.language import Language
from services.settlement.domain.errors import TierLimitExceeded
from services.settlement.domain.leaving import check_may_leave
from services.settlement.domain.state import SettlementState
from tests.integration.people_databases import database_url
from tests.integration.same_moment import waits_empty_handed
from tests.integration.verifying_office import LEASE_MS, NUMBER, offices

__all__ = ["database_url"]

CONFIRMED = CheckResult.CONFIRMED
_ids = itertools.count(2**62)


async def test_who_passes_every_step_has_the_tier_and_the_feed_tells_it(database_url: str) -> None:
    async with offices(database_url) as [(office, _)]:
        asking = await office.registered()
        verification_id = await office.handed_in(asking, Tier.III)
        await office.work()
        standing = await office.people.get(asking, verification_id)
        assert standing.application.state is State.VERIFIED
        assert standing.holder is not None
        assert standing.holder.tier is Tier.III
        assert sorted(await office.events()) == [
            *(["CardBound"] * 3),
            "PersonVerified",
            # Three channels and five: photos and banks in whatever order.
            *(["TierChanged"] * 2),
        ]
        assert len(await office.cards.listed(standing.holder.person_id)) == 3
        # Every provider was asked once.
        assert len(office.providers.asked) == len(set(office.providers.asked)) == 5


async def test_two_accounts_that_apply_with_one_resident_id_are_one_person(database_url: str) -> None:
    async with offices(database_url) as [(office, _)]:
        first, second = await office.registered(), await office.registered()
        for asking in (first, second):
            await office.handed_in(asking, Tier.I)
        await office.work()
        accounts = await office.people.accounts(first, 0, 10)
        assert [account.account_id for account in accounts] == sorted([first.account_id, second.account_id])
        assert {account.person and account.person.tier for account in accounts} == {Tier.I}
        assert await office.events() == ["PersonVerified"]
        # And what is known of the person is known to both.
        again = await office.people.start(second, Tier.II)
        assert again.application.steps[0].state.name == "PASSED"


async def test_an_account_that_became_somebody_elses_meanwhile_is_rejected(tmp_path: Path) -> None:
    async with offices(f"sqlite:{tmp_path}") as [(office, _)]:
        asking = await office.registered()
        verification_id = await office.handed_in(asking, Tier.I)
        # The quick way, with another number, while the application is under way.
        other = Person(PersonId(next(_ids)), PersonName("王芳"), ResidentId("310104199005010115"), Tier.I)
        await office.accounts.tie(asking.account_id, other, 5)
        await office.work()
        refused = (await office.people.get(asking, verification_id)).application
        assert refused.state is State.REJECTED
        assert refused.steps[0].reason == "ALREADY_VERIFIED_AS_OTHER"
        number = CaseNumber(refused.steps[0].case_number)
        case = await office.registration.case(asking.account_id, asking.login_secret, number)
        assert case.reason == "ALREADY_VERIFIED_AS_OTHER"


async def test_a_card_too_many_is_refused_by_the_house_though_the_bank_confirms(tmp_path: Path) -> None:
    async with offices(f"sqlite:{tmp_path}") as [(office, _)]:
        asking = await office.registered()
        verification_id = await office.completed(asking, Tier.II)
        await office.people.submit(asking, verification_id)
        await office.desk.ask((await office.questions.take(office.clock.now_ms(), LEASE_MS, 10))[0])
        holder = (await office.people.get(asking, verification_id)).holder
        assert holder is not None
        for ordinal in range(4):
            number = bank_cards.parse(issued_card(BANKS[0], NUMBER, ordinal))
            card = NewCard(CardId(next(_ids)), holder.person_id, number, reserved_phone(NUMBER), 5)
            await office.cards.bind(card, asking.account_id, Language.ENGLISH, "")
        await office.work()
        application = (await office.people.get(asking, verification_id)).application
        assert application.state is State.NEEDS_MORE
        refused = application.step(StepKind.BANK_CARD)
        assert refused is not None
        assert (refused.state.name, refused.reason) == ("REFUSED", "CARD_LIMIT_REACHED")


async def test_a_late_answer_counts_and_its_contradiction_is_on_record(
    database_url: str,
) -> None:
    async with offices(database_url, tries_max=2) as [(office, _)]:
        office.providers.script["registry"] = [None, None]
        asking = await office.registered()
        verification_id = await office.handed_in(asking, Tier.I)
        await office.work()
        await office.clock.advance(1.0)
        await office.work()
        application = (await office.people.get(asking, verification_id)).application
        assert (application.state, application.steps[0].state.name) == (State.NEEDS_MORE, "UNANSWERED")
        asked = reference_of(verification_id, CheckKind.REGISTRY, 1, 1)
        late = await office.people.report(asked, CONFIRMED)
        assert (late.first, late.counted) == (True, True)
        again = await office.people.report(asked, CONFIRMED)
        assert (again.first, again.counted) == (False, True)
        for _ in range(2):
            with pytest.raises(CheckContradicted):
                await office.people.report(asked, CheckResult.NUMBER_UNKNOWN)
        standing = await office.people.get(asking, verification_id)
        assert standing.application.state is State.VERIFIED
        assert standing.application.questions[0].contradictions == 2
        assert await office.events() == ["PersonVerified"]
        with pytest.raises(CheckUnknown):
            await office.people.report(reference_of(verification_id, CheckKind.BANK, 1, 1), CONFIRMED)


async def test_an_answer_and_an_erasure_at_the_same_moment_do_not_wait_for_each_other(
    postgres_url: str,
) -> None:
    async with offices(postgres_url, count=2) as [(office, database), (other, _)]:
        asking = await office.registered()
        verification_id = await office.handed_in(asking, Tier.I)
        told = partial(
            other.people.report, reference_of(verification_id, CheckKind.REGISTRY, 1, 1), CONFIRMED
        )
        # As erasures hold them.
        account = sa.select(accounts).where(accounts.c.account_id == asking.account_id)
        assert await waits_empty_handed(told, database, account, sa.select(applications))


async def test_a_card_and_an_erasure_at_the_same_moment_do_not_wait_for_each_other(postgres_url: str) -> None:
    async with offices(postgres_url, count=2) as [(office, database), (other, _)]:
        asking = await office.registered()
        person = Person(PersonId(next(_ids)), PersonName("王芳"), ResidentId("310104199005010115"), Tier.I)
        await office.accounts.tie(asking.account_id, person, 5)
        number = bank_cards.parse(issued_card(BANKS[0], NUMBER))
        card = NewCard(CardId(next(_ids)), person.person_id, number, reserved_phone(NUMBER), 5)
        bind = partial(other.cards.bind, card, asking.account_id, Language.ENGLISH, "")
        account = sa.select(accounts).where(accounts.c.account_id == asking.account_id)
        assert await waits_empty_handed(bind, database, account, sa.select(people))


async def test_replicas_do_not_ask_the_same_question_at_once(database_url: str) -> None:
    async with offices(database_url, count=2) as [(one, _), (other, _)]:
        for _ in range(4):
            await one.handed_in(await one.registered(), Tier.I)
        now_ms = one.clock.now_ms()
        taken = await asyncio.gather(
            *(office.questions.take(now_ms, LEASE_MS, 3) for office in (one, other) * 2)
        )
        references = [question.reference for some in taken for question in some]
        assert len(references) == len(set(references)) == 4
        # Those who took them are gone: when the leases are over somebody else asks.
        assert await other.questions.take(now_ms + LEASE_MS - 1, LEASE_MS, 10) == []
        again = await other.questions.take(now_ms + LEASE_MS, LEASE_MS, 10)
        assert {question.tries for question in again} == {2}


async def test_two_at_once_open_one_application(database_url: str) -> None:
    async with offices(database_url, count=2) as [(one, _), (other, _)]:
        asking = await one.registered()
        started = await asyncio.gather(
            *(office.people.start(asking, Tier.II) for office in (one, other, one))
        )
        assert len({standing.application.verification_id for standing in started}) == 1


async def test_who_waits_hears_of_a_change_by_another_replica(database_url: str) -> None:
    async with offices(database_url, count=2) as [(one, _), (other, _)]:
        asking = await one.registered()
        verification_id = await one.completed(asking, Tier.I)
        known = (await one.people.get(asking, verification_id)).application.version
        waiting = asyncio.ensure_future(
            one.people.get_beyond(asking, verification_id, known, 5.0, one.clock.monotonic_s)
        )
        await other.people.submit(asking, verification_id)
        async with asyncio.timeout(30):
            while not waiting.done():
                await one.clock.advance(0.05)
                await asyncio.sleep(0)
        assert (await waiting).application.state is State.SUBMITTED


async def test_two_accounts_of_one_person_share_one_limit_for_life(tmp_path: Path) -> None:
    async with offices(f"sqlite:{tmp_path}") as [(office, _)]:
        accounts = [await office.registered() for _ in range(2)]
        for asking in accounts:
            await office.handed_in(asking, Tier.I)
        await office.work()
        bearers = [
            await office.accounts.bearer(asking.account_id, PersonId(next(_ids)), 5) for asking in accounts
        ]
        person_ids = {bearer.person_id for bearer in bearers}
        assert len(person_ids) == 1
        # Settlement knows people alone, as the feed tells of them: whichever account asks, it is one limit.
        state = SettlementState(0, 1, everybody=False)
        for seq, person_id in enumerate(person_ids, start=1):
            known = person_events_pb2.PersonKnown(person_id=person_id, tier=person_events_pb2.PERSON_TIER_I)
            person = person_events_pb2.PersonEvent(known=known)
            state.apply(seq, 0, events_pb2.SettlementEvent(person=person))
        first, second = (bearer.person_id for bearer in bearers)
        check_may_leave(state, first, 60_000, 10)
        state.people.note_left(first, 60_000, 10)
        check_may_leave(state, second, 40_000, 20)
        with pytest.raises(TierLimitExceeded):
            check_may_leave(state, second, 40_001, 20)
