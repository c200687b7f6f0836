"""Up to when each shard has heard of people: whoever was verified by then is known to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import Gauge

from services.mesh.clock import Clock
from services.mesh.metrics import REGISTRY
from services.settlement.settings import SettlementSettings

HEARD_OF_PEOPLE = Gauge(
    "hongbao_settlement_people_heard_timestamp_seconds",
    "Moment up to which the shard knows everything that identity does, seconds since the Unix epoch.",
    ["shard"],
    registry=REGISTRY,
)


@dataclass(slots=True)
class PeopleNews:
    """What identity says of its feed's end, by the shard that reads it."""

    clock: Clock
    settings: SettlementSettings
    _taken_ms: dict[int, int] = field(default_factory=dict)
    _heard_ms: dict[int, int] = field(default_factory=dict)

    def begin(self, shard: int) -> None:
        """A shard was taken: nothing was heard for it yet."""
        self._taken_ms[shard] = self.clock.now_ms()
        self._heard_ms.pop(shard, None)
        HEARD_OF_PEOPLE.labels(shard).set(0)

    def end(self, shard: int) -> None:
        """A shard is not owned here any more."""
        self._taken_ms.pop(shard, None)
        self._heard_ms.pop(shard, None)
        HEARD_OF_PEOPLE.labels(shard).set(0)

    def heard(self, shard: int, complete_ms: int) -> None:
        """All that identity had on record at a moment of its clock is known to the shard."""
        heard_ms = max(complete_ms, self._heard_ms.get(shard, 0))
        self._heard_ms[shard] = heard_ms
        HEARD_OF_PEOPLE.labels(shard).set(heard_ms / 1000)

    def known_until_ms(self, shard: int) -> int:
        """The moment up to which all that is known of people is known to the shard, at most now.

        Milliseconds since the Unix epoch; 0 when nothing was heard since the shard was taken.
        """
        now_ms = self.clock.now_ms()
        if self.settings.people_known == "everybody":
            return now_ms
        return min(now_ms, self._heard_ms.get(shard, 0))

    def silent_since_ms(self, shard: int) -> int | None:
        """Since when a shard has heard nothing, where that is too long; None where it is not."""
        if shard not in self._taken_ms or self.settings.people_known == "everybody":
            return None
        since_ms = max(self._taken_ms[shard], self._heard_ms.get(shard, 0))
        return since_ms if self.clock.now_ms() - since_ms > self.settings.people_silence_ms else None
