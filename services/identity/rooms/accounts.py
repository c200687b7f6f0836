"""Accounts, the quick check of who is behind them, their bank cards, and the feed of people."""

from __future__ import annotations

from hongbao.identity.v1.bank_card_pb2_grpc import add_BankCardServiceServicer_to_server
from hongbao.identity.v1.identity_pb2_grpc import add_IdentityServiceServicer_to_server
from hongbao.identity.v1.person_feed_pb2_grpc import add_PersonFeedServiceServicer_to_server
from services.identity.adapters.bank_cards import SqlCardStore
from services.identity.adapters.holdings_of_accounts import bank_cards, identities, profiles
from services.identity.api.accounts import IdentityApi
from services.identity.api.bank_cards import BankCardApi
from services.identity.api.person_feed import PersonFeedApi
from services.identity.domain.binding import CardBinding
from services.identity.domain.verification import Verification
from services.identity.rooms import outside
from services.identity.rooms.grounds import Grounds
from services.mesh.room import Room
from services.mesh.server import Service

_PACKAGE = "hongbao.identity.v1"


def accounts(on: Grounds) -> Room:
    """The room of accounts."""
    settings, clock = on.settings, on.clock
    cards = SqlCardStore(on.database, on.vault, on.feed, cards_max=settings.identity_cards_max)
    on.holdings.extend((profiles(on.store), identities(on.store), bank_cards(cards)))
    registry, banks = outside.registry(settings, clock), outside.banks(settings, clock)
    verification = Verification(on.store, registry, on.attempts, clock, on.draw_bits)
    binding = CardBinding(cards, banks, on.registration, on.attempts, clock, on.draw_bits)
    accounts_api = IdentityApi(on.registration, on.login, verification, on.signer.verifying_keys)
    feed_api = PersonFeedApi(on.feed, settings, clock)
    return Room(
        (
            Service(f"{_PACKAGE}.IdentityService", accounts_api, add_IdentityServiceServicer_to_server),
            Service(
                f"{_PACKAGE}.BankCardService", BankCardApi(binding), add_BankCardServiceServicer_to_server
            ),
            Service(f"{_PACKAGE}.PersonFeedService", feed_api, add_PersonFeedServiceServicer_to_server),
        )
    )
