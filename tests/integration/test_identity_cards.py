"""People's bank cards on real databases."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.domain import bank_cards
from services.identity.domain.bank_cards import BANKS, BankCard
from services.identity.domain.errors import CardLimitReached, CardUnknown
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    CardId,
    CaseNumber,
    FailedCheck,
    Person,
    PersonId,
    StoredSecret,
    Tier,
)
from services.identity.domain.person_events import (
    CardBound,
    CardUnbound,
    PersonEvent,
    PersonVerified,
    TierChanged,
)
from services.identity.domain.ports import NewCard
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.language import Language
from tests.integration.people_databases import database_url, identity_vault, opened

__all__ = ["database_url"]

NUMBER, OTHER_NUMBER = ResidentId("11010519491231002X"), ResidentId("310104199005010115")
CARDS_MAX = 5
NOBODYS, NOBODY = AccountId(0), PersonId(0)
_ids = itertools.count(2**62)


@dataclass(slots=True)
class Replica:
    """One process of the service, and the cards of one person."""

    feed: SqlPersonFeed
    accounts: SqlAccountStore
    cards: SqlCardStore
    account_id: AccountId = NOBODYS
    person_id: PersonId = NOBODY

    async def somebody(self, number: ResidentId = NUMBER) -> None:
        account = Account(AccountId(next(_ids)), "13800138000", "小明", StoredSecret(b"salt", b"digest"), 1)
        self.account_id = (await self.accounts.register(account, str(uuid.uuid4()))).account_id
        person = Person(PersonId(next(_ids)), PersonName("王芳"), number, Tier.I)
        self.person_id = (await self.accounts.tie(self.account_id, person, 5)).person.person_id

    async def bind(
        self, bank: int, ordinal: int = 0, phone: str = "13900139000", now_ms: int = 10
    ) -> tuple[BankCard, Tier]:
        number = bank_cards.parse(issued_card(BANKS[bank], NUMBER.number, ordinal))
        card = NewCard(CardId(next(_ids)), self.person_id, number, phone, now_ms)
        return await self.cards.bind(card, self.account_id, Language.ENGLISH, "")

    async def events(self) -> list[PersonEvent]:
        """What the feed tells after the person was verified."""
        found = await self.feed.read(0, 10_000, 0, 1)
        assert [numbered.seq for numbered in found.events] == list(range(1, found.last_seq + 1))
        return [one.event for one in found.events if not isinstance(one.event, PersonVerified)]


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        made = []
        for _ in range(count):
            database = await stack.enter_async_context(opened(settings, schema))
            feed = SqlPersonFeed(database, SystemClock())
            cards = SqlCardStore(database, identity_vault(database), feed, cards_max=CARDS_MAX)
            made.append(Replica(feed, SqlAccountStore(database, identity_vault(database), feed), cards))
        await made[0].somebody()
        for other in made[1:]:
            other.account_id, other.person_id = made[0].account_id, made[0].person_id
        yield made


@pytest.fixture
async def replica(database_url: str) -> AsyncIterator[Replica]:
    async with replicas(database_url, 1) as (replica,):
        yield replica


async def test_a_card_is_found_as_it_was_bound(replica: Replica) -> None:
    card, tier = await replica.bind(0)
    number = bank_cards.parse(issued_card(BANKS[0], NUMBER.number))
    assert card == BankCard(
        card.card_id, replica.person_id, BANKS[0], number.masked, bound_ms=10, phone="13900139000"
    )
    assert tier is Tier.I
    assert await replica.cards.bound(replica.person_id, number) == card
    assert await replica.cards.listed(replica.person_id) == [card]
    assert await replica.cards.bound(PersonId(1), number) is None
    assert await replica.events() == [
        CardBound(replica.person_id, card.card_id, number.masked, BANKS[0].name)
    ]


async def test_the_same_card_bound_from_everywhere_at_once_is_one_card(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        answers = await asyncio.gather(*(pair[turn % 2].bind(0) for turn in range(8)))
        assert len({card.card_id for card, _ in answers}) == 1
        assert len(await pair[0].cards.listed(pair[0].person_id)) == 1
        assert len(await pair[1].events()) == 1


async def test_a_card_bound_again_takes_over_a_new_phone(replica: Replica) -> None:
    first, _ = await replica.bind(0)
    await replica.bind(0, phone="13700137000")
    (kept,) = await replica.cards.listed(replica.person_id)
    assert (kept.card_id, kept.phone) == (first.card_id, "13700137000")
    assert len(await replica.events()) == 1


async def test_every_further_bank_is_a_channel_and_tiers_only_rise(replica: Replica) -> None:
    cards, tiers = [], []
    for bank, ordinal in ((0, 0), (0, 1), (1, 0), (2, 0), (3, 0)):
        card, tier = await replica.bind(bank, ordinal)
        cards.append(card)
        tiers.append(tier)
    assert tiers == [Tier.I, Tier.I, Tier.II, Tier.II, Tier.III]
    for card in cards:
        await replica.cards.unbind(replica.person_id, card.card_id, 20, "")
    # What the banks have confirmed stays true, and a bank that confirms again is no new channel.
    _, tier = await replica.bind(0)
    assert tier is Tier.III
    found = await replica.accounts.find(replica.account_id)
    assert found is not None
    assert found.person is not None
    assert found.person.tier is Tier.III
    risen = [event for event in await replica.events() if isinstance(event, TierChanged)]
    assert risen == [TierChanged(replica.person_id, Tier.II), TierChanged(replica.person_id, Tier.III)]


async def test_banks_that_confirm_at_once_are_all_counted(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        answers = await asyncio.gather(*(pair[bank % 2].bind(bank) for bank in range(4)))
        assert max(tier for _, tier in answers) is Tier.III
        events = await pair[0].events()
        assert [event.tier for event in events if isinstance(event, TierChanged)] == [Tier.II, Tier.III]


async def test_cards_bound_at_once_are_never_more_than_a_person_may_have(database_url: str) -> None:
    async with replicas(database_url, 2) as pair:
        answers = await asyncio.gather(
            *(pair[turn % 2].bind(turn % 3, turn) for turn in range(CARDS_MAX + 3)), return_exceptions=True
        )
        assert len([answer for answer in answers if isinstance(answer, CardLimitReached)]) == 3
        kept = await pair[0].cards.listed(pair[0].person_id)
        assert len(kept) == CARDS_MAX
        # One that is taken away makes room.
        await pair[1].cards.unbind(pair[1].person_id, kept[0].card_id, 20, "")
        await pair[0].bind(4)


async def test_cards_are_listed_by_age(replica: Replica) -> None:
    for bank, now_ms in ((0, 30), (1, 10), (2, 20)):
        await replica.bind(bank, now_ms=now_ms)
    assert [card.bound_ms for card in await replica.cards.listed(replica.person_id)] == [10, 20, 30]


async def test_a_card_that_is_taken_away_is_gone_and_may_come_back_as_another(replica: Replica) -> None:
    card, _ = await replica.bind(0)
    for _ in range(2):
        await replica.cards.unbind(replica.person_id, card.card_id, 20, "")
    assert await replica.cards.listed(replica.person_id) == []
    again, _ = await replica.bind(0)
    assert again.card_id != card.card_id
    assert await replica.events() == [
        CardBound(replica.person_id, card.card_id, card.number_masked, BANKS[0].name),
        CardUnbound(replica.person_id, card.card_id),
        CardBound(replica.person_id, again.card_id, card.number_masked, BANKS[0].name),
    ]


async def test_nobody_takes_away_the_card_of_somebody_else(replica: Replica) -> None:
    card, _ = await replica.bind(0)
    owner = replica.person_id
    await replica.somebody(OTHER_NUMBER)
    with pytest.raises(CardUnknown):
        await replica.cards.unbind(replica.person_id, card.card_id, 20, "")
    assert await replica.cards.listed(owner) == [card]


async def test_a_bound_card_resolves_the_cases_of_cards_and_no_others(replica: Replica) -> None:
    async def open_case(reason: str, number: str) -> None:
        failed = FailedCheck(replica.account_id, reason, "step", ("typed",), counts=True)
        await replica.accounts.open_case(failed, CaseNumber(number), 6)

    async def resolved_ms(number: str) -> int | None:
        case = await replica.accounts.find_case(replica.account_id, CaseNumber(number))
        assert case is not None
        return case.resolved_ms

    await open_case("CARD_REFUSED", "K1")
    await open_case("NAME_MISMATCH", "K2")
    await replica.bind(0, now_ms=10)
    assert (await resolved_ms("K1"), await resolved_ms("K2")) == (10, None)
    await open_case("CARD_REFUSED", "K3")
    renamed = Person(PersonId(next(_ids)), PersonName("王小芳"), NUMBER, Tier.I)
    await replica.accounts.tie(replica.account_id, renamed, 12)
    assert (await resolved_ms("K2"), await resolved_ms("K3")) == (12, None)


def contents(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_card_and_no_phone_lies_readable_on_the_disk(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        await replica.bind(0)
        files = await asyncio.to_thread(contents, tmp_path)
    assert len(files) > 10_000
    number = issued_card(BANKS[0], NUMBER.number)
    assert BANKS[0].name.encode() in files  # What the feed tells is not secret.
    for text in (number, number[:-4], "13900139000"):
        assert text.encode() not in files
