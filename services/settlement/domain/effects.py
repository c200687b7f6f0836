"""What a record of any feed does to the books of a shard that reads it."""

from __future__ import annotations

from google.protobuf.message import Message

from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import events_pb2 as cards
from hongbao.identity.v1 import events_pb2 as identity
from hongbao.settlement.v1 import events_pb2 as pb
from services.settlement.domain.arrivals import arrivals_effect
from services.settlement.domain.envelopes import envelopes_effect
from services.settlement.domain.feeds import FeedPlace
from services.settlement.domain.packets import packets_effect
from services.settlement.domain.person_feed import persons_effect
from services.settlement.domain.prizes import prizes_effect
from services.settlement.domain.state import SettlementState

ALLOCATION = "allocation"
CARDS = "cards"
IDENTITY = "identity"
SETTLEMENT = "settlement"


def next_effect(
    state: SettlementState, source: str, seq: int, event: Message, payout_batch: int
) -> pb.SettlementEvent | None:
    """The next event to commit for a record, None when it has had all its effect or has none.

    Committing it and asking again, until None, carries a record out whole; after a crash in between, it goes
    on where it was. Raises `FundsInTransit` (ask again later) and `Contradiction` (nothing can be posted).

    Args:
        state: of the shard that reads the feed.
        source: `<service>/<shard>`.
        seq: the record's position in the source's journal.
        event: the record's event, of the source's contract.
        payout_batch: the most persons that one event of a pool payout pays.
    """
    place = FeedPlace(state, source, int(source.partition("/")[2]), seq)
    if place.done:
        return None
    match event:
        case allocation.AllocationEvent() if event.HasField("envelope"):
            return envelopes_effect(place, event.envelope)
        case allocation.AllocationEvent():
            return packets_effect(place, event)
        case cards.CardsEvent():
            return prizes_effect(place, event, payout_batch)
        case pb.SettlementEvent():
            return arrivals_effect(place, event)
        case identity.IdentityEvent():
            return persons_effect(place, event)
        case _:
            raise TypeError(f"{source} carries {event.DESCRIPTOR.full_name}, which settlement does not read")


def checkpoint(source: str, seq: int) -> pb.SettlementEvent:
    """An event that only moves the cursor over records without effect."""
    return pb.SettlementEvent(position=pb.FeedPosition(source=source, source_seq=seq))


def sources_of(
    shard: int, *, settlement_shards: int, allocation_shards: int, cards_shards: int, people: bool = False
) -> tuple[str, ...]:
    """The feeds that a settlement shard reads: aligned shards of allocation and cards, and its siblings.

    With `people`, that of identity first of all: whoever is known when a packet is paid need not wait.
    """
    return (
        *((f"{IDENTITY}/0",) if people else ()),
        *(f"{ALLOCATION}/{number}" for number in range(shard, allocation_shards, settlement_shards)),
        *(f"{CARDS}/{number}" for number in range(shard, cards_shards, settlement_shards)),
        *(f"{SETTLEMENT}/{number}" for number in range(settlement_shards) if number != shard),
    )
