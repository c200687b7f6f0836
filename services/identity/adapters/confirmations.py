"""What a provider's confirmation brings about, in the transaction that takes it: person, card, tier."""

from __future__ import annotations

import sqlalchemy as sa

from services.identity.adapters import case_rows, statements
from services.identity.adapters.accounts import SqlAccountStore
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.channels import confirm_document, held_tier, rise
from services.identity.adapters.person_feed import SqlPersonFeed
from services.identity.domain.people import AccountId, CardId, Person, PersonId, Tier
from services.identity.domain.ports import NewCard
from services.identity.domain.verifying.application import Application
from services.identity.domain.verifying.checks import CheckKind, Question
from services.identity.domain.verifying.ports import Drawn
from services.identity.domain.verifying.steps import CardAndPhone, NameAndNumber
from services.mesh.language import Language


class Confirmations:
    """Ties accounts, binds cards and counts channels as the quick checks do, with the same code."""

    def __init__(self, accounts: SqlAccountStore, cards: SqlCardStore, feed: SqlPersonFeed) -> None:
        self._accounts = accounts
        self._cards = cards
        self._feed = feed

    def take(
        self,
        connection: sa.Connection,
        application: Application,
        question: Question,
        drawn: Drawn,
        now_ms: int,
        trace_context: str,
    ) -> int:
        """Does what follows from a confirmation; the event to announce after the commit, or 0.

        Raises `AlreadyVerifiedAsOther`, `CardLimitReached`, and then has changed nothing.
        """
        account_id = application.account_id
        given = application.steps_of(question.kind, question.ordinal)[0].evidence
        if question.kind is CheckKind.REGISTRY:
            assert isinstance(given, NameAndNumber), "what is asked about is kept"  # noqa: S101 - an invariant
            candidate = Person(drawn.person_id, given.name, given.resident_id, Tier.I)
            return self._accounts.tie_within(connection, account_id, candidate, now_ms, trace_context)[1]
        person_id = _person_of(connection, account_id)
        if question.kind is CheckKind.AUTHORITY:
            return self._confirm_document(connection, account_id, person_id, now_ms, trace_context)
        assert isinstance(given, CardAndPhone), "what is asked about is kept"  # noqa: S101 - an invariant
        card = NewCard(CardId(drawn.card_id), person_id, given.card, given.phone, now_ms)
        # The language is that of an error which nobody is told: the application says what it means.
        return self._cards.bind_within(connection, card, account_id, Language.CHINESE, trace_context)[2]

    def announce(self, seq: int) -> None:
        """Wakes readers of the feed: the event with this number is durable."""
        self._feed.announce(seq)

    def _confirm_document(
        self,
        connection: sa.Connection,
        account_id: AccountId,
        person_id: PersonId,
        now_ms: int,
        trace_context: str,
    ) -> int:
        tier = held_tier(connection, person_id)
        confirm_document(connection, person_id, now_ms)
        case_rows.resolve_documents_within(connection, account_id, now_ms)
        return rise(connection, self._feed, person_id, tier, now_ms, trace_context)[1]


def _person_of(connection: sa.Connection, account_id: AccountId) -> PersonId:
    row = statements.HOLDER.first(connection, {"account": account_id})
    assert row is not None, "the registry is asked first"  # noqa: S101 - an invariant
    return PersonId(row.person_id)
