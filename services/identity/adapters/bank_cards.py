"""People's bank cards in SQL."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters import case_rows, statements
from services.identity.adapters.channels import confirm_bank, held_tier, rise
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.adapters.tables import bank_cards
from services.identity.adapters.vault import Vault, card_record
from services.identity.domain.bank_cards import BANK_BY_CODE, BankCard, CardNumber
from services.identity.domain.errors import CardLimitReached, CardUnknown
from services.identity.domain.people import AccountId, CardId, PersonId, Tier
from services.identity.domain.person_events import CardBound, CardUnbound
from services.identity.domain.ports import NewCard
from services.identity.domain.privacy.errors import AccountErased
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.language import Language


class SqlCardStore:
    """`CardStore` over a `Database`. Numbers and phones go through the vault on their way in and out."""

    def __init__(self, database: Database, vault: Vault, feed: SqlPersonFeed, *, cards_max: int) -> None:
        self._database = database
        self._vault = vault
        self._feed = feed
        self._cards_max = cards_max

    async def bound(self, person_id: PersonId, number: CardNumber) -> BankCard | None:
        """See `CardStore.bound`."""
        wanted = {"person": person_id, "fingerprint": self._fingerprint(number)}

        def unit(connection: sa.Connection) -> BankCard | None:
            row = _BY_NUMBER.first(connection, wanted)
            return None if row is None else self._card(connection, row)

        return await self._database.read(unit)

    async def bind(
        self, card: NewCard, account_id: AccountId, language: Language, trace_context: str
    ) -> tuple[BankCard, Tier]:
        """See `CardStore.bind`."""

        def unit(connection: sa.Connection) -> tuple[BankCard, Tier, int]:
            return self.bind_within(connection, card, account_id, language, trace_context)

        bound, tier, seq = await self._database.write(unit)
        self._feed.announce(seq)
        return bound, tier

    def bind_within(
        self,
        connection: sa.Connection,
        card: NewCard,
        account_id: AccountId,
        language: Language,
        trace_context: str,
    ) -> tuple[BankCard, Tier, int]:
        """As `bind`, in the caller's transaction; also the event to announce after the commit, or 0."""
        now_ms = card.bound_ms
        kept = BankCard(
            card.card_id, card.person_id, card.number.bank, card.number.masked, now_ms, card.phone
        )
        # The account first, as erasures hold them. From here on, cards of the person wait for each other.
        statements.LOCK.first(connection, {"account": account_id})
        tier = held_tier(connection, card.person_id)
        if statements.IS_ERASED.first(connection, {"account": account_id}) is not None:
            raise AccountErased(account_id)
        row = _BY_NUMBER.first(
            connection, {"person": card.person_id, "fingerprint": self._fingerprint(card.number)}
        )
        if row is not None:
            sealed = self._vault.seal(connection, card_record(row.card_id), "card_phone", card.phone)
            _NEW_PHONE.run(connection, {"card": row.card_id, "sealed": sealed})
            case_rows.resolve_within(connection, account_id, now_ms, about_cards=True)
            return self._card(connection, row), tier, 0
        if len(_BOUND.rows(connection, {"person": card.person_id})) >= self._cards_max:
            raise CardLimitReached(self._cards_max, language=language)
        case_rows.resolve_within(connection, account_id, now_ms, about_cards=True)
        self._insert(connection, card)
        event = CardBound(kept.person_id, kept.card_id, kept.number_masked, kept.bank.name)
        seq = self._feed.add(connection, event, now_ms, trace_context)
        confirm_bank(connection, card.person_id, card.number.bank, now_ms)
        tier, risen_seq = rise(connection, self._feed, card.person_id, tier, now_ms, trace_context)
        return kept, tier, risen_seq or seq

    async def listed(self, person_id: PersonId) -> Sequence[BankCard]:
        """See `CardStore.listed`."""

        def unit(connection: sa.Connection) -> list[BankCard]:
            return [self._card(connection, row) for row in _BOUND.rows(connection, {"person": person_id})]

        return await self._database.read(unit)

    async def unbind(self, person_id: PersonId, card_id: CardId, now_ms: int, trace_context: str) -> None:
        """See `CardStore.unbind`."""

        def unit(connection: sa.Connection) -> int:
            held_tier(connection, person_id)
            row = _BY_ID.first(connection, {"card": card_id, "person": person_id})
            if row is None:
                raise CardUnknown(card_id)
            if row.unbound_ms is not None:
                return 0
            return self._take_away(connection, person_id, card_id, now_ms, trace_context)

        self._feed.announce(await self._database.write(unit))

    def unbind_all_within(self, connection: sa.Connection, person_id: PersonId, now_ms: int) -> int:
        """Takes all cards away in the caller's transaction, which tells the feed more; how many."""
        rows = _BOUND.rows(connection, {"person": person_id})
        for row in rows:
            self._take_away(connection, person_id, CardId(row.card_id), now_ms, "")
        return len(rows)

    def numbers_within(
        self, connection: sa.Connection, person_id: PersonId
    ) -> Sequence[tuple[BankCard, str]]:
        """The person's cards with their whole numbers, for nobody but the person."""
        return [
            (self._card(connection, row), self._digits(connection, row))
            for row in _BOUND.rows(connection, {"person": person_id})
        ]

    def _take_away(
        self,
        connection: sa.Connection,
        person_id: PersonId,
        card_id: CardId,
        now_ms: int,
        trace_context: str,
    ) -> int:
        _ERASE.run(connection, {"card": card_id, "now_ms": now_ms})
        self._vault.erase(connection, card_record(card_id))
        return self._feed.add(connection, CardUnbound(person_id, card_id), now_ms, trace_context)

    def _digits(self, connection: sa.Connection, row: Row) -> str:
        key = self._vault.look(connection, card_record(CardId(row.card_id)))
        return key.unseal("card_number", row.number_sealed)

    def _insert(self, connection: sa.Connection, card: NewCard) -> None:
        key = self._vault.new_key(connection, card_record(card.card_id))
        values = {
            "card_id": card.card_id,
            "person_id": card.person_id,
            "bank_code": card.number.bank.code,
            "number_fingerprint": self._fingerprint(card.number),
            "number_sealed": key.seal("card_number", card.number.digits),
            "phone_sealed": key.seal("card_phone", card.phone),
            "bound_ms": card.bound_ms,
            "unbound_ms": None,
        }
        _INSERT.run(connection, values)

    def _fingerprint(self, number: CardNumber) -> bytes:
        return self._vault.fingerprint("bank-card", number.digits)

    def _card(self, connection: sa.Connection, row: Row) -> BankCard:
        number, bank = CardId(row.card_id), BANK_BY_CODE[row.bank_code]
        key = self._vault.look(connection, card_record(number))
        digits = CardNumber(key.unseal("card_number", row.number_sealed), bank)
        phone = key.unseal("card_phone", row.phone_sealed)
        return BankCard(number, PersonId(row.person_id), bank, digits.masked, row.bound_ms, phone)


_is_bound = (bank_cards.c.person_id == bindparam("person")) & bank_cards.c.unbound_ms.is_(None)
_BOUND = Statement(
    sa.select(bank_cards).where(_is_bound).order_by(bank_cards.c.bound_ms, bank_cards.c.card_id)
)
_BY_NUMBER = Statement(
    sa.select(bank_cards).where(_is_bound, bank_cards.c.number_fingerprint == bindparam("fingerprint"))
)
_BY_ID = Statement(
    sa.select(bank_cards).where(
        bank_cards.c.card_id == bindparam("card"), bank_cards.c.person_id == bindparam("person")
    )
)
_INSERT = Statement(bank_cards.insert())
_NEW_PHONE = Statement(
    bank_cards.update()
    .where(bank_cards.c.card_id == bindparam("card"))
    .values(phone_sealed=bindparam("sealed"))
)
_ERASE = Statement(
    bank_cards.update()
    .where(bank_cards.c.card_id == bindparam("card"))
    .values(
        unbound_ms=bindparam("now_ms"),
        number_fingerprint=sa.null(),
        number_sealed=sa.null(),
        phone_sealed=sa.null(),
    )
)
