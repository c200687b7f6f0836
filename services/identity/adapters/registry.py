"""A simulated population registry."""

from __future__ import annotations

import asyncio

from services.identity.domain.errors import ProviderUnavailable
from services.identity.domain.names import PersonName
from services.identity.domain.ports import RegistryAnswer
from services.identity.domain.resident_id import ResidentId
from services.identity.domain.simulated_people import SEQUENCE_SILENT, SEQUENCE_UNKNOWN, registered_name
from services.mesh.clock import Clock


class SimulatedRegistry:
    """Answers like a real provider: after a while, under a bound, with a reason, or not at all."""

    def __init__(
        self, clock: Clock, *, seed: int, latency_ms: int, timeout_ms: int, questions_max: int
    ) -> None:
        self._clock = clock
        self._seed = seed
        self._latency_s = latency_ms / 1000
        self._timeout_s = timeout_ms / 1000
        self._turns = asyncio.Semaphore(questions_max)

    async def match(self, name: PersonName, resident_id: ResidentId) -> RegistryAnswer:
        """See `PopulationRegistry.match`."""
        async with self._turns:
            sequence = int(resident_id.number[14:17])
            if sequence == SEQUENCE_SILENT or self._latency_s > self._timeout_s:
                await self._clock.sleep(self._timeout_s)
                raise ProviderUnavailable
            if self._latency_s > 0:
                await self._clock.sleep(self._latency_s)
            if sequence == SEQUENCE_UNKNOWN:
                return RegistryAnswer.NUMBER_UNKNOWN
            if registered_name(resident_id.number, self._seed) != name.text:
                return RegistryAnswer.OTHER_NAME
            return RegistryAnswer.MATCH
