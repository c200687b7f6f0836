"""Replicas of identity's accounts on one database, that erase."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.erasures import SqlErasureStore
from services.identity.adapters.holdings_of_accounts import bank_cards, case_texts, identities, profiles
from services.identity.adapters.holdings_of_applications import photos, typed
from services.identity.adapters.holdings_of_credit import agreed, scored
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.adapters.vault import application_record, photo_record
from services.identity.adapters.verifying_tables import applications, steps
from services.identity.domain.bank_cards import BANKS, parse
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
from services.identity.domain.person_events import PersonEvent
from services.identity.domain.ports import NewCard
from services.identity.domain.privacy.erasures import Erasure
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_cards import issued_card
from services.identity.settings import IdentitySettings
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.mesh.keys.vault import Vault
from services.mesh.language import Language
from tests.integration.people_databases import identity_vault, opened

NUMBER = ResidentId("11010519491231002X")
NAME, PHONE, DISPLAY_NAME, CARD_PHONE = "王芳", "13800138000", "小明", "13900139000"
UNTIL_MS = 1_000
IDS = itertools.count(2**62)


@dataclass(frozen=True, slots=True)
class Replica:
    """One process of the service."""

    database: Database
    vault: Vault
    feed: SqlPersonFeed
    store: SqlAccountStore
    cards: SqlCardStore
    erasures: SqlErasureStore

    async def registered(self) -> AccountId:
        secret = StoredSecret(b"salt", b"digest")
        account = Account(AccountId(next(IDS)), PHONE, DISPLAY_NAME, secret, registered_ms=1)
        return (await self.store.register(account, str(uuid.uuid4()))).account_id

    async def verified(self, account_id: AccountId) -> PersonId:
        person = Person(PersonId(next(IDS)), PersonName(NAME), NUMBER, Tier.I)
        return (await self.store.tie(account_id, person, 5)).person.person_id

    async def bound(self, account_id: AccountId, person_id: PersonId) -> CardId:
        number = parse(issued_card(BANKS[0], NUMBER.number))
        card = NewCard(CardId(next(IDS)), person_id, number, CARD_PHONE, 6)
        return (await self.cards.bind(card, account_id, Language.ENGLISH, ""))[0].card_id

    async def erase(self, account_id: AccountId, now_ms: int = 10) -> Erasure:
        return await self.erasures.erase(account_id, now_ms, now_ms + UNTIL_MS, "")

    async def told(self) -> list[PersonEvent]:
        return [record.event for record in (await self.feed.read(0, 10_000, 0, 1)).events]


@asynccontextmanager
async def replicas(url: str, count: int) -> AsyncIterator[Sequence[Replica]]:
    async with AsyncExitStack() as stack:
        settings = IdentitySettings(database_url=url, identity_key_file="unused")
        made = []
        for _ in range(count):
            database = await stack.enter_async_context(opened(settings, schema))
            vault, feed = identity_vault(database), SqlPersonFeed(database, SystemClock())
            store = SqlAccountStore(database, vault, feed)
            cards = SqlCardStore(database, vault, feed, cards_max=1)
            kept = (profiles(store), identities(store), bank_cards(cards), case_texts(vault))
            holdings = (*kept, photos(vault), typed(vault), agreed(), scored())
            erasures = SqlErasureStore(database, vault, feed, holdings)
            made.append(Replica(database, vault, feed, store, cards, erasures))
        yield made


def apply(connection: sa.Connection, vault: Vault, account_id: AccountId, photo_id: int | None) -> None:
    """An application with a step."""
    values = {"verification_id": 77, "account_id": account_id, "open_account_id": account_id}
    numbers = dict.fromkeys(("level", "state", "version", "submissions_max", "refusals", "evidence_count"), 1)
    connection.execute(applications.insert().values(**values, **numbers, edited=False, started_ms=1))
    step = dict.fromkeys(("masked", "reason", "failed_step", "case_number"), "")
    key = vault.key(connection, application_record(77))
    typed = {"typed_sealed": key.seal("typed/0", "王芳"), "photo_id": photo_id}
    place = {"verification_id": 77, "place": 0, "kind": 1, "ordinal": 0, "state": 1, "changed_ms": 1}
    connection.execute(steps.insert().values(**place, **step, **typed))
    vault.key(connection, photo_record(99))
