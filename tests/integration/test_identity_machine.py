"""Whatever is asked of identity, and whichever commits are lost: the feed tells what the tables say."""

from __future__ import annotations

import itertools
import random
import tempfile
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.domain import bank_cards
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.errors import IdentityError
from services.identity.domain.evidence import tier_of
from services.identity.domain.names import PersonName
from services.identity.domain.people import (
    Account,
    AccountId,
    CardId,
    Person,
    PersonId,
    StoredSecret,
    Tier,
)
from services.identity.domain.person_events import (
    CardBound,
    CardUnbound,
    PersonEvent,
    PersonsMerged,
    PersonVerified,
    TierChanged,
)
from services.identity.domain.ports import NewCard
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.language import Language
from tests.integration.people_databases import Abort, database_url, identity_vault, opened

__all__ = ["database_url"]

NUMBERS = [ResidentId("11010519491231002X"), ResidentId("310104199005010115")]
ACCOUNTS = [AccountId(number) for number in range(1, 5)]
CARDS_MAX = 4
_ids = itertools.count(2**62)


Action = tuple[str, AccountId, int]
"""What is asked, of which account, and which of the possible persons, banks or cards."""


@dataclass(slots=True)
class Heard:
    """What a reader knows who has heard everything, checking each event against what came before."""

    tiers: dict[PersonId, Tier] = field(default_factory=dict)
    merged: dict[PersonId, PersonId] = field(default_factory=dict)
    cards: dict[PersonId, set[CardId]] = field(default_factory=dict)
    ended: set[CardId] = field(default_factory=set)

    def hear(self, event: PersonEvent) -> None:
        match event:
            case PersonVerified(person_id, tier):
                assert person_id not in self.tiers.keys() | self.merged.keys()
                self.tiers[person_id] = tier
                self.cards[person_id] = set()
            case TierChanged(person_id, tier):
                assert tier > self.tiers[person_id]
                self.tiers[person_id] = tier
            case PersonsMerged(person_id, into_person_id):
                assert person_id not in self.tiers.keys() | self.merged.keys()
                assert into_person_id in self.tiers
                self.merged[person_id] = into_person_id
            case CardBound(person_id, card_id):
                assert card_id not in self.ended | self.cards[person_id]
                self.cards[person_id].add(card_id)
            case CardUnbound(person_id, card_id):
                self.cards[person_id].remove(card_id)
                self.ended.add(card_id)


class Office:
    """The service's tables, and calls of the kind that its callers repeat when an answer is lost."""

    def __init__(
        self, accounts: SqlAccountStore, cards: SqlCardStore, feed: SqlPersonFeed, lost: Abort
    ) -> None:
        self.accounts, self.cards, self.feed, self.lost = accounts, cards, feed, lost

    async def open(self) -> None:
        for number in ACCOUNTS:
            account = Account(number, "13800138000", "小明", StoredSecret(b"salt", b"digest"), 1)
            await self.accounts.register(account, str(number))

    async def act(self, action: str, account_id: AccountId, which: int) -> None:
        try:
            if action == "play":
                await self.accounts.bearer(account_id, PersonId(next(_ids)), 2)
            elif action == "verify":
                person = Person(PersonId(next(_ids)), PersonName("王芳"), NUMBERS[which // 5], Tier.I)
                await self.accounts.tie(account_id, person, 3)
            else:
                await self._act_on_cards(action, account_id, which)
        except IdentityError:
            return

    async def _act_on_cards(self, action: str, account_id: AccountId, which: int) -> None:
        account = await self.accounts.find(account_id)
        assert account is not None
        if account.person is None:
            return
        person_id = account.person.person_id
        if action == "unbind":
            for card in (await self.cards.listed(person_id))[: which % 2 + 1]:
                await self.cards.unbind(person_id, card.card_id, 4, "")
            return
        number = bank_cards.parse(issued_card(BANKS[which], account.person.resident_id.number))
        new = NewCard(CardId(next(_ids)), person_id, number, "13900139000", 4)
        await self.cards.bind(new, account_id, Language.ENGLISH, "")

    async def heard(self) -> Heard:
        found = await self.feed.read(0, 10_000, 0, 1)
        assert [numbered.seq for numbered in found.events] == list(range(1, found.last_seq + 1))
        heard = Heard()
        for numbered in found.events:
            heard.hear(numbered.event)
        return heard

    async def check(self) -> Heard:
        """The feed has told everything that the tables say, and nothing else."""
        heard = await self.heard()
        people: dict[PersonId, Person] = {}
        merged: dict[PersonId, PersonId] = {}
        for account_id in ACCOUNTS:
            account = await self.accounts.find(account_id)
            assert account is not None
            if account.person is None:
                continue
            people[account.person.person_id] = account.person
            if account.provisional_id not in (None, account.person.person_id):
                merged[account.provisional_id] = account.person.person_id
        assert heard.tiers == {person_id: person.tier for person_id, person in people.items()}
        assert heard.merged == merged
        assert len({person.resident_id for person in people.values()}) == len(people)
        for person_id, person in people.items():
            listed = await self.cards.listed(person_id)
            assert {card.card_id for card in listed} == heard.cards[person_id]
            assert len(listed) <= CARDS_MAX
            assert person.tier >= tier_of(len({card.bank.code for card in listed}))
        return heard


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["play", "verify", "bind", "bind", "unbind"]),
        st.sampled_from(ACCOUNTS),
        st.integers(0, 5),
    ),
    min_size=15,
    max_size=30,
)
COMMITS = st.sets(st.integers(5, 30), max_size=4)


async def play(url: str, actions: list[Action], before: set[int], after: set[int]) -> Heard:
    async with opened(IdentitySettings(database_url=url, identity_key_file="unused"), schema) as database:
        feed = SqlPersonFeed(database, SystemClock())
        cards = SqlCardStore(database, identity_vault(database), feed, cards_max=CARDS_MAX)
        lost = Abort(database._engine, before, after)
        office = Office(SqlAccountStore(database, identity_vault(database), feed), cards, feed, lost)
        await office.open()
        for action in actions:
            await office.act(*action)
        return await office.check()


@settings(max_examples=40, deadline=None)
@given(ACTIONS, COMMITS, COMMITS)
async def test_the_feed_tells_what_the_tables_say_whatever_is_lost(
    actions: list[Action], before: set[int], after: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        await play(f"sqlite:{folder}", actions, before, after)


@pytest.mark.parametrize("seed", range(3))
async def test_the_same_holds_on_every_database(database_url: str, seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - a test, not a secret
    kinds = ("play", "verify", "bind", "bind", "unbind")
    one, other, *_ = ACCOUNTS
    actions: list[Action] = [("play", other, 0), ("verify", one, 0), ("verify", other, 0)]
    actions += [("bind", one, 0), ("bind", other, 1), ("unbind", one, 0)]
    actions += [(draw.choice(kinds), draw.choice(ACCOUNTS), draw.randrange(6)) for _ in range(50)]
    heard = await play(database_url, actions, {7 + seed, 40}, {11 + seed, 23})
    # Everything there is to hear of has happened.
    assert heard.merged
    assert heard.ended
    assert max(heard.tiers.values()) > Tier.I
