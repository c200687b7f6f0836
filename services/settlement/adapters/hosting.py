"""Hosts settlement shards: each one that is owned has companions, such as the feeds that it posts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hongbao.settlement.v1 import events_pb2
from services.mesh.clock import Clock
from services.mesh.feed.consumer import FeedConsumer
from services.mesh.journal.port import JournalStore
from services.mesh.shards.host import Shard, ShardHost
from services.settlement.adapters.sink import CONTRADICTED, FeedHalts, LedgerSink
from services.settlement.adapters.sources import FeedSources
from services.settlement.domain.effects import IDENTITY, sources_of
from services.settlement.domain.shard_books import FeedHalt
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings


class ShardCompanion(Protocol):
    """Background work that goes with every shard that is owned here."""

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Starts tasks with `shard.spawn`; the shard ends them when it is given or lost."""
        ...

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets a shard that is not owned here any more."""
        ...


@dataclass(slots=True)
class FeedReaders:
    """Follows the feeds of every shard as long as it is owned here."""

    sources: FeedSources
    clock: Clock
    settings: SettlementSettings
    _halts: dict[int, FeedHalts] = field(default_factory=dict)

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Starts to follow; the shard ends it when it is given or lost."""
        halts = self._halts[shard.number] = FeedHalts({})
        consumers: dict[str, FeedConsumer] = {}
        sink = LedgerSink(
            shard, halts, self.clock, self.settings, stop=lambda source: consumers[source].stop()
        )
        for name in self.names(shard.number):
            CONTRADICTED.labels(name, shard.number).set(0)
            source = self.sources.source(name, shard.number)
            consumer = consumers[name] = FeedConsumer(source, sink, self.clock, self.settings)
            shard.spawn(consumer.run(), name)

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets a shard that is not owned here any more."""
        self._halts.pop(shard.number, None)
        for name in self.names(shard.number):
            CONTRADICTED.labels(name, shard.number).set(0)

    def names(self, shard: int) -> tuple[str, ...]:
        """The feeds that a shard reads."""
        return sources_of(
            shard,
            settlement_shards=self.settings.settlement_shards,
            allocation_shards=self.settings.allocation_shards,
            cards_shards=self.settings.cards_shards,
            people=self.settings.people_known == "identity",
        )

    def hears_of_people(self, shard: int) -> bool:
        """Whether a shard follows identity's feed: not behind a record that contradicts its books."""
        return f"{IDENTITY}/0" not in self.halts(shard)

    def halts(self, shard: int) -> Mapping[str, FeedHalt]:
        """The feeds of a shard that do not go on, by source."""
        halts = self._halts.get(shard)
        return {} if halts is None else halts.by_source


def host_settlement(
    store: JournalStore,
    companions: Sequence[ShardCompanion],
    clock: Clock,
    settings: SettlementSettings,
    *,
    owner_address: Callable[[int], str | None] | None = None,
) -> ShardHost[SettlementState]:
    """A host that begins its companions' work with every shard that it gets, and ends it in reverse."""

    async def begin(shard: Shard[SettlementState]) -> None:
        for companion in companions:
            await companion.begin(shard)

    async def end(shard: Shard[SettlementState]) -> None:
        for companion in reversed(companions):
            await companion.end(shard)

    return ShardHost(
        store,
        settings.service,
        settings.settlement_shards,
        events_pb2.SettlementEvent,
        lambda shard: SettlementState(
            shard, settings.settlement_shards, everybody=settings.people_known == "everybody"
        ),
        clock,
        settings,
        on_owned=begin,
        on_lost=end,
        owner_address=owner_address,
        chained=True,
    )
