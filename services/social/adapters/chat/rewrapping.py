"""Keys of what people write move to the master key that is given first, while everything goes on."""

from __future__ import annotations

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.keys.masters import KeysUnusable
from services.mesh.keys.rotation import Rotation
from services.mesh.logs import get_logger

_log = get_logger("social.keys")


class Rewrapping:
    """Looks again and again which master keys are given, and wraps a bounded number of keys at a time."""

    def __init__(self, rotation: Rotation, clock: Clock, *, look_s: float, pause_s: float) -> None:
        self._rotation = rotation
        self._clock = clock
        self._look_s = look_s
        self._pause_s = pause_s

    async def run(self) -> None:
        """Runs for as long as the process."""
        while True:
            await self._clock.sleep(self._look_s)
            try:
                while await self._rotation.step(self._clock.now_ms()):
                    await self._clock.sleep(self._pause_s)
            except (KeysUnusable, ServiceError, OSError) as failure:
                # The keys in use stay in use; the next look finds what is given then.
                _log.warning("master keys cannot be used", error=str(failure))
