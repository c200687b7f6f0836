"""What people send each other: envelopes, cards, and the groups they send to."""

from __future__ import annotations

from services.gateway import api
from services.gateway.adapters.cards import CardsClient
from services.gateway.adapters.envelopes import EnvelopeClient
from services.gateway.adapters.exchanges import ExchangesClient
from services.gateway.adapters.group_doors import GroupDoorClient
from services.gateway.adapters.groups import GroupClient
from services.gateway.lanes.grounds import Grounds


def sharing(on: Grounds) -> tuple[object, ...]:
    """The servicers of sharing."""
    tokens, pace, forwarding, limits = on.tokens, on.person.sharing, on.forwarding, on.bulkheads
    exchanges = ExchangesClient(forwarding)
    return (
        api.GroupServicer(tokens, pace, GroupClient(forwarding), GroupDoorClient(forwarding), limits.share),
        api.EnvelopeServicer(tokens, pace, EnvelopeClient(forwarding), limits.share),
        api.CardServicer(tokens, pace, CardsClient(forwarding), exchanges, limits.social, limits.others),
    )
