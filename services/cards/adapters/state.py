"""A shard's state as the mesh hosts it: the rules' fold, fed with records and kept in snapshots."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hongbao.cards.v1 import events_pb2, snapshot_pb2
from services.cards.adapters.holdings import holdings_from_contract, write_holdings
from services.cards.adapters.people_records import credited_from_contract, credited_to_contract
from services.cards.adapters.records import from_record, to_record
from services.cards.contract import (
    created_from_contract,
    created_to_contract,
    decision_from_contract,
    decision_to_contract,
    prepared_from_contract,
    prepared_to_contract,
    seal_from_contract,
    seal_to_contract,
)
from services.cards.domain.events import Change, Recorded, SetsCompleted
from services.cards.domain.game import ShardGame
from services.cards.domain.holdings.holdings import Holdings
from services.cards.domain.shard import CardsShard
from services.cards.domain.vocabulary import CampaignId, PersonId
from services.cards.exchange_contract import columns_from_snapshot, columns_to_snapshot
from services.cards.supply_contract import (
    home_from_snapshot,
    home_to_snapshot,
    issued_to_snapshot,
    restore_issued,
)
from services.mesh.shards.host import Shard, ShardHost
from services.mesh.telemetry import traceparent


class CardsState:
    """What the host folds records into. See `ShardState`."""

    def __init__(self, number: int) -> None:
        self.cards = CardsShard(number)
        self.cards_unkept = 0
        """Cards dealt that no snapshot has: so many are folded again when the shard is rebuilt."""

    def apply(self, seq: int, time_ms: int, event: events_pb2.CardsEvent) -> None:
        """See `ShardState.apply`."""
        self.cards.happened(from_record(event), Recorded(seq, time_ms))
        self.cards_unkept += sum(len(deal.person_ids) for deal in event.cards_dealt.deals)

    def snapshot(self) -> bytes:
        """See `ShardState.snapshot`."""
        return self.freeze()()

    def freeze(self) -> Callable[[], bytes]:
        """See `FreezableState.freeze`. Hands and their history, which are nearly all, are written later."""
        cards = self.cards
        message = snapshot_pb2.CardsSnapshot(
            shard=cards.number,
            created_games=map(created_to_contract, cards.created.values()),
            games=map(_write_game, cards.games.values()),
            positions=[
                events_pb2.FeedPosition(source=source, source_seq=seq)
                for source, seq in cards.positions.items()
            ],
            funded_campaign_ids=sorted(cards.funded),
            supplies=(home_to_snapshot(cards.supplies[campaign_id]) for campaign_id in cards.created),
            merged_person_ids=cards.merged.keys(),
            merged_into_person_ids=cards.merged.values(),
        )
        holdings = [game.holdings.kept() for game in cards.games.values()]
        self.cards_unkept = 0

        def write_out() -> bytes:
            for game, kept in zip(message.games, holdings, strict=True):
                write_holdings(game.holdings, kept)
            return message.SerializeToString()

        return write_out

    def restore(self, state: bytes) -> None:
        """See `ShardState.restore`."""
        kept = snapshot_pb2.CardsSnapshot.FromString(state)
        if kept.shard != self.cards.number:
            raise ValueError(f"this is the snapshot of shard {kept.shard}, not of {self.cards.number}")
        cards = self.cards = CardsShard(kept.shard)
        created_games = map(created_from_contract, kept.created_games)
        for created, supply in zip(created_games, kept.supplies, strict=True):
            cards.created[created.order.campaign_id] = created
            cards.supplies[created.order.campaign_id] = home_from_snapshot(created.order.supply, supply)
        cards.funded.update(map(CampaignId, kept.funded_campaign_ids))
        for game in map(_read_game, kept.games):
            cards.add_game(game)
        for person_id, into_person_id in zip(
            kept.merged_person_ids, kept.merged_into_person_ids, strict=True
        ):
            cards.merged[PersonId(person_id)] = PersonId(into_person_id)
        for position in kept.positions:
            cards.positions[position.source] = position.source_seq


@dataclass(frozen=True, slots=True)
class HostedShard:
    """A hosted shard as the rules see it; their `OwnedShard`."""

    shard: Shard[CardsState]
    snapshot_every_cards: int

    @property
    def state(self) -> CardsShard:
        """See `OwnedShard.state`."""
        return self.shard.state.cards

    def commit(self, change: Change) -> Awaitable[int]:
        """See `OwnedShard.commit`. The record carries the trace of the request that is being worked on."""
        durable = self.shard.commit(to_record(change), traceparent())
        # A journal of few records that each deal thousands of cards is short, and takes long to fold.
        if self.shard.state.cards_unkept >= self.snapshot_every_cards:
            self.shard.snapshot_soon()
        return durable

    async def settled(self) -> None:
        """See `OwnedShard.settled`."""
        await self.shard.settled()


@dataclass(frozen=True, slots=True)
class HostedShards:
    """The hosted shards as the rules see them; their `OwnedShards`."""

    host: ShardHost[CardsState]
    snapshot_every_cards: int
    """Cards dealt between two snapshots of a shard."""

    @property
    def shard_count(self) -> int:
        """See `OwnedShards.shard_count`."""
        return self.host.shard_count

    def owned(self, shard: int) -> HostedShard:
        """See `OwnedShards.owned`."""
        return HostedShard(self.host.owned(shard), self.snapshot_every_cards)


def _write_game(game: ShardGame) -> snapshot_pb2.GameSnapshot:
    completed = game.sets.columns(game.prepared.campaign_id)
    return snapshot_pb2.GameSnapshot(
        prepared=prepared_to_contract(game.prepared),
        supply=issued_to_snapshot(game.issued),
        issued_by_card=game.issued.cards,
        sent_by_card=game.transit.sent,
        received_by_card=game.transit.received,
        exchanges=columns_to_snapshot(game.exchanges.table.columns()),
        completer_ids=completed.person_ids,
        completed_at_ms=completed.completed_at_ms,
        completer_luck_classes=completed.luck_classes,
        credited_sets=credited_to_contract(game.sets.credited),
        told_person_ids=game.people.told,
        sealed=None if game.sets.sealed is None else seal_to_contract(game.sets.sealed),
        decision=None if game.sets.decision is None else decision_to_contract(game.sets.decision),
    )


def _read_game(kept: snapshot_pb2.GameSnapshot) -> ShardGame:
    game = ShardGame(prepared_from_contract(kept.prepared))
    restore_issued(game.issued, kept.issued_by_card, kept.supply)
    game.transit.sent = list(kept.sent_by_card)
    game.transit.received = list(kept.received_by_card)
    game.exchanges.restore(columns_from_snapshot(kept.exchanges))
    game.holdings = Holdings.of_kept(holdings_from_contract(kept.holdings), game.prepared.deals_per_day_max)
    campaign_id = game.prepared.campaign_id
    game.sets.restore(
        SetsCompleted(campaign_id, kept.completer_ids, kept.completed_at_ms, kept.completer_luck_classes)
    )
    game.sets.credited.update(map(credited_from_contract, kept.credited_sets))
    game.people.told.update(kept.told_person_ids)
    game.sets.sealed = seal_from_contract(kept.sealed) if kept.HasField("sealed") else None
    game.sets.decision = decision_from_contract(kept.decision) if kept.HasField("decision") else None
    game.check()
    return game
