"""Credit on a real database, with people, and with others who can be kept from answering."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.credit.consents import SqlConsentStore
from services.identity.adapters.credit.loans import SqlLoanStore
from services.identity.adapters.credit.partners import SqlPartnerStore
from services.identity.adapters.credit.queries import SqlQueryStore
from services.identity.adapters.credit.scores import SqlScoreStore
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import schema
from services.identity.domain.credit.asking import Asking
from services.identity.domain.credit.consenting import Consenting
from services.identity.domain.credit.partners import ConsentRules, Partner, PartnerId, PartnerKind
from services.identity.domain.credit.registering import Registering
from services.identity.domain.credit.score import Freshness
from services.identity.domain.credit.scoring import Scoring
from services.identity.domain.credit.signals import RelationFacts, WalletFacts
from services.identity.domain.names import PersonName
from services.identity.domain.people import Account, AccountId, Person, PersonId, StoredSecret, Tier
from services.identity.domain.resident_id import ResidentId
from services.identity.settings import IdentitySettings
from services.mesh.clock import ManualClock
from services.mesh.database.database import Database
from tests.integration.people_databases import identity_vault, opened

NUMBERS = (ResidentId("11010519491231002X"), ResidentId("310104199005010115"))
CONSENTS_MAX, QUERIES_MAX, LOANS_MAX, SCORES_MAX = 5, 1_000, 3, 4
DAY_S = 86_400.0
_ids = itertools.count(2**61)


def drawn(_bits: int) -> int:
    return next(_ids)


@dataclass(slots=True)
class World:
    """`Sources` whose answers a test says; None for silence."""

    balance_fen: int | None = 0
    friends: int | None = 0

    async def look(self, person_id: PersonId, now_ms: int) -> tuple[WalletFacts | None, RelationFacts | None]:
        assert person_id > 0
        wallet = None if self.balance_fen is None else WalletFacts(now_ms, self.balance_fen, is_frozen=False)
        return wallet, None if self.friends is None else RelationFacts(now_ms, self.friends, 1000)


@dataclass(slots=True)
class Office:
    """One process of the service."""

    database: Database
    clock: ManualClock
    world: World
    accounts: SqlAccountStore = field(init=False)
    partners: SqlPartnerStore = field(init=False)
    scores: SqlScoreStore = field(init=False)
    scoring: Scoring = field(init=False)
    consenting: Consenting = field(init=False)
    asking: Asking = field(init=False)
    registering: Registering = field(init=False)

    def __post_init__(self) -> None:
        database, clock = self.database, self.clock
        self.accounts = SqlAccountStore(database, identity_vault(database), SqlPersonFeed(database, clock))
        self.partners, queries = SqlPartnerStore(database), SqlQueryStore(database)
        self.scores = SqlScoreStore(database, scores_kept_max=SCORES_MAX)
        self.scoring = Scoring(self.scores, self.world, clock, Freshness(86_400_000, 60_000))
        rules = ConsentRules(CONSENTS_MAX, days_max=366)
        self.consenting = Consenting(SqlConsentStore(database), self.partners, queries, clock, drawn, rules)
        self.asking = Asking(
            self.partners,
            queries,
            SqlLoanStore(database),
            self.scoring,
            clock,
            drawn,
            queries_max=QUERIES_MAX,
            loans_max=LOANS_MAX,
        )
        self.registering = Registering(self.partners, clock, drawn, bytes(32))

    async def partner(self, name: str, kind: PartnerKind = PartnerKind.LENDER) -> Partner:
        registered = await self.registering.register(name, name, kind)
        return await self.asking.proven(PartnerId(registered.partner.partner_id), registered.partner_secret)

    async def account(self) -> AccountId:
        number = AccountId(next(_ids))
        now_ms = self.clock.now_ms()
        account = Account(number, "13800138000", "小明", StoredSecret(b"salt", b"digest"), now_ms)
        await self.accounts.register(account, str(number))
        return number

    async def guest(self, account_id: AccountId) -> PersonId:
        bearer = await self.accounts.bearer(account_id, PersonId(next(_ids)), self.clock.now_ms())
        return bearer.person_id

    async def verified(self, account_id: AccountId, number: ResidentId = NUMBERS[0]) -> PersonId:
        person = Person(PersonId(next(_ids)), PersonName("王芳"), number, Tier.I)
        return (await self.accounts.tie(account_id, person, self.clock.now_ms())).person.person_id

    async def somebody(self, number: ResidentId = NUMBERS[0]) -> PersonId:
        return await self.verified(await self.account(), number)


@asynccontextmanager
async def office(url: str, clock: ManualClock | None = None) -> AsyncIterator[Office]:
    settings = IdentitySettings(database_url=url, identity_key_file="unused")
    async with opened(settings, schema) as database:
        yield Office(database, clock or ManualClock(), World())
