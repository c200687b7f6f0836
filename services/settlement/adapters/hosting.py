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

_PEOPLE = f"{IDENTITY}/0"


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
    _of_people: dict[int, FeedConsumer] = field(default_factory=dict)

    async def begin(self, shard: Shard[SettlementState]) -> None:
        """Starts to follow; the shard ends it when it is given or lost."""
        halts = self._halts[shard.number] = FeedHalts({})
        self.sources.news.begin(shard.number)
        consumers: dict[str, FeedConsumer] = {}
        sink = LedgerSink(
            shard, halts, self.clock, self.settings, stop=lambda source: consumers[source].stop()
        )
        for name in self.names(shard.number):
            CONTRADICTED.labels(name, shard.number).set(0)
            source = self.sources.source(name, shard.number)
            consumer = consumers[name] = FeedConsumer(source, sink, self.clock, self.settings)
            if name == _PEOPLE:
                self._of_people[shard.number] = consumer
            shard.spawn(consumer.run(), name)

    async def end(self, shard: Shard[SettlementState]) -> None:
        """Forgets a shard that is not owned here any more."""
        self._halts.pop(shard.number, None)
        self._of_people.pop(shard.number, None)
        self.sources.news.end(shard.number)
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

    def halts(self, shard: int) -> Mapping[str, FeedHalt]:
        """The feeds of a shard that do not go on, by source."""
        halts = self._halts.get(shard)
        of_people = self._halt_of_people(shard)
        return {**of_people, **({} if halts is None else halts.by_source)}

    def _halt_of_people(self, shard: int) -> Mapping[str, FeedHalt]:
        """Identity's feed where nothing is heard of it, so that winnings of people do not go back."""
        since_ms, consumer = self.sources.news.silent_since_ms(shard), self._of_people.get(shard)
        if since_ms is None or consumer is None:
            return {}
        why = "" if consumer.fault is None else f" ({consumer.fault})"
        detail = f"nothing is heard of people, and nobody's winnings go back{why}"
        return {_PEOPLE: FeedHalt(consumer.cursor + 1, since_ms, detail, stopped=False)}


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
