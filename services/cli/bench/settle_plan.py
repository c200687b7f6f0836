"""What `bench settle` books: a season's packets and a pool, laid out as the feeds that say so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.message import Message
from numpy.typing import NDArray

from hongbao.allocation.v1 import allocation_pb2
from hongbao.allocation.v1 import events_pb2 as allocation
from hongbao.cards.v1 import cards_pb2
from hongbao.cards.v1 import events_pb2 as cards
from services.mesh.shards.hashing import shards_of
from services.settlement.domain.pool import PoolDivision, divide_pool

CAMPAIGN = "bench"
SPONSOR_ID = 7
ROUNDS = 4
"""As in 2016: everybody wins one packet in each."""
POOL_FEN = 21_500_000_000
PACKET_FEN_MAX = 880
_MESSAGE_RECORDS = 512
"""Records in a message, as feeds have by default."""
_MESSAGE_BYTES = 2 << 20
_RECORD_BYTES = 64
"""What stands around the people of a record, roughly."""
_PERSON_BYTES = 10
_SEED = 2016
_SPARE = 1_000
"""People more for each shard than its share: chance does not deal them out evenly."""


@dataclass(frozen=True, slots=True)
class FeedMessage:
    """One message of a feed, as bytes: making it is not what is measured."""

    first_seq: int
    last_seq: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is booked, and in which portions it is told."""

    transfers: int
    """Packets, about: a multiple of shards and rounds."""
    batch: int
    """Winners in a record."""
    completers: int
    settlement_shards: int
    allocation_shards: int
    cards_shards: int


@dataclass(frozen=True, slots=True)
class Part:
    """One allocation shard's winners."""

    shard: int
    person_ids: NDArray[np.int64]
    amounts_fen: NDArray[np.int64]
    """By round and person."""


@dataclass(frozen=True, slots=True)
class SettlePlan:
    """Everything that is known before the clock starts."""

    sizes: Sizes
    parts: tuple[Part, ...]
    completers: tuple[NDArray[np.int64], ...]
    """By cards shard."""

    @property
    def packets(self) -> int:
        """How many packets are won."""
        return sum(part.amounts_fen.size for part in self.parts)

    @property
    def packets_fen(self) -> int:
        """What they come to, fen."""
        return int(sum(part.amounts_fen.sum() for part in self.parts))

    @property
    def division(self) -> PoolDivision:
        """The pool, shared out."""
        return divide_pool(POOL_FEN, [len(people) for people in self.completers])

    def round_parts_fen(self, number: int) -> list[int]:
        """What each part of a round is funded with: just what is won of it, fen."""
        return [int(part.amounts_fen[number].sum()) for part in self.parts]


def plan_settlement(sizes: Sizes) -> SettlePlan:
    """Everybody's packets, and who completes a set."""
    chance = np.random.default_rng(_SEED)
    people = max(1, sizes.transfers // (sizes.allocation_shards * ROUNDS))
    winners = _people(chance, [people] * sizes.allocation_shards)
    parts = tuple(
        Part(shard, of_shard, chance.integers(1, PACKET_FEN_MAX, (ROUNDS, people), dtype=np.int64))
        for shard, of_shard in enumerate(winners)
    )
    whole, rest = divmod(sizes.completers, sizes.cards_shards)
    sets = [whole + (shard < rest) for shard in range(sizes.cards_shards)]
    return SettlePlan(sizes, parts, tuple(_people(chance, sets)))


def packet_messages(plan: SettlePlan, shard: int) -> list[FeedMessage]:
    """The feed of an allocation shard: round by round, who won what, and that the part is closed."""
    part, batch = plan.parts[shard], plan.sizes.batch

    def events() -> Iterator[Message]:
        for number in range(ROUNDS):
            stock_id = stock(number)
            for start in range(0, len(part.person_ids), batch):
                won = allocation.PacketsWon(
                    stock_id=stock_id,
                    campaign_id=CAMPAIGN,
                    first_packet_index=start,
                    person_ids=part.person_ids[start : start + batch].tolist(),
                    amounts_fen=part.amounts_fen[number, start : start + batch].tolist(),
                )
                yield allocation.AllocationEvent(packets_won=won)
            closed = allocation.StockClosed(
                stock_id=stock_id,
                campaign_id=CAMPAIGN,
                sponsor_id=SPONSOR_ID,
                shard=shard,
                packets_won=len(part.person_ids),
                won_fen=int(part.amounts_fen[number].sum()),
            )
            yield allocation.AllocationEvent(stock_closed=closed)

    return list(_messages(allocation_pb2.ReadEventsResponse, events(), 1, _records_a_message(batch)))


def set_messages(plan: SettlePlan, shard: int) -> list[FeedMessage]:
    """The feed of a cards shard up to the deadline: one record for each set."""
    events = (
        cards.CardsEvent(set_completed=cards.SetCompleted(campaign_id=CAMPAIGN, person_id=person_id))
        for person_id in plan.completers[shard].tolist()
    )
    return list(_messages(cards_pb2.ReadEventsResponse, events, 1, _MESSAGE_RECORDS))


def decision_message(plan: SettlePlan, shard: int) -> FeedMessage:
    """What follows: the pool's division."""
    division = plan.division
    decided = cards.PoolDecided(
        campaign_id=CAMPAIGN,
        sponsor_id=SPONSOR_ID,
        pool_hold_id=f"{CAMPAIGN}.pool",
        pool_fen=POOL_FEN,
        share_fen=division.share_fen,
        remainder_fen=division.remainder_fen,
        sets_by_shard=division.sets_by_shard,
    )
    seq = len(plan.completers[shard]) + 1
    event = cards.CardsEvent(pool_decided=decided)
    return next(_messages(cards_pb2.ReadEventsResponse, iter([event]), seq, 1))


def stock(number: int) -> str:
    """Id of a round's stock."""
    return f"{CAMPAIGN}.r{number + 1:02}"


def _people(chance: np.random.Generator, wanted: Sequence[int]) -> list[NDArray[np.int64]]:
    """So many people for each shard, all different, with ids from all over the numbers, as persons have."""
    count = sum(wanted) + _SPARE * len(wanted) + sum(wanted) // 4
    ids = np.unique(chance.integers(1, 1 << 62, count, dtype=np.int64))
    chance.shuffle(ids)
    shards = shards_of(ids, len(wanted))
    people = [ids[shards == shard][:number] for shard, number in enumerate(wanted)]
    assert [len(of_shard) for of_shard in people] == list(wanted), "there are enough for each shard"  # noqa: S101 - of the plan
    return people


def _records_a_message(batch: int) -> int:
    return max(1, min(_MESSAGE_RECORDS, _MESSAGE_BYTES // (_RECORD_BYTES + batch * _PERSON_BYTES)))


def _messages(
    response_type: type[Message], events: Iterator[Message], first_seq: int, at_once: int
) -> Iterator[FeedMessage]:
    seq = first_seq
    while records := _taken(events, at_once):
        response = response_type()
        for number, event in enumerate(records):
            record = response.records.add(seq=seq + number)  # type: ignore[attr-defined]  # of either contract
            record.time.FromMilliseconds(1)
            record.event.CopyFrom(event)
        yield FeedMessage(seq, seq + len(records) - 1, response.SerializeToString())
        seq += len(records)


def _taken(events: Iterator[Message], count: int) -> Sequence[Message]:
    return [event for _, event in zip(range(count), events, strict=False)]
