"""What goes wrong in an evening: at least once each, in an order and at times that the seed decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from services.mesh.background import start_background
from tests.simulation.chance import chance
from tests.simulation.mesh import SimulatedMesh
from tests.simulation.processes import SHARDS

PAUSE_S_MEAN = 2.0
STORM_S = 4.0
ISOLATED_S_MAX = 3.0


class Fate:
    """Deals disasters from a shuffled deck, again and again."""

    def __init__(self, mesh: SimulatedMesh, seed: str) -> None:
        self._mesh = mesh
        self._draw = chance(seed, "fate")
        kinds: dict[str, Callable[[], None]] = {"storm": self._storm}
        for service in SHARDS:
            kinds[f"crash {service}"] = partial(self._crash, service)
            kinds[f"fail disk of {service}"] = partial(self._fail_disk, service)
            kinds[f"isolate {service}"] = partial(self._isolate, service)
            kinds[f"hand over {service}"] = partial(self._hand_over, service)
            kinds[f"usurp {service}"] = partial(self._usurp, service)
        for service in ("gateway", "social", "identity"):
            kinds[f"crash {service}"] = partial(self._crash, service)
        self._kinds: Mapping[str, Callable[[], None]] = kinds

    async def reign(self) -> None:
        """Deals; never returns."""
        while True:
            deck = list(self._kinds)
            self._draw.shuffle(deck)
            for kind in deck:
                await self._mesh.clock.sleep(self._draw.expovariate(1 / PAUSE_S_MEAN))
                self._kinds[kind]()

    def _crash(self, service: str) -> None:
        living = self._mesh.living(service)
        if living:
            survives = self._draw.random() < 0.5
            crash = self._mesh.crash(self._draw.choice(living), in_flight_survives=survives)
            start_background(crash, f"crash of {service}")

    def _fail_disk(self, service: str) -> None:
        """A process cannot write any more to what it has open, and lives on."""
        living = self._mesh.living(service)
        if living:
            process = self._draw.choice(living)
            self._mesh.note(f"the disk of {process.instance} fails")
            process.store.crash(in_flight_survives=self._draw.random() < 0.5)

    def _isolate(self, service: str) -> None:
        living = self._mesh.living(service)
        if living:
            process = self._draw.choice(living)
            self._mesh.note(f"nothing reaches {process.instance}")
            seconds = self._draw.uniform(0.2, ISOLATED_S_MAX)
            start_background(self._mesh.network.isolate(process.address, seconds), "isolation")

    def _hand_over(self, service: str) -> None:
        steward = self._mesh.steward
        places = [place for place in steward.places if place.service == service]
        self._draw.shuffle(places)
        # Often several at once, as when a member joins.
        for place in places[: self._draw.randint(1, len(places))]:
            if steward.hand_over(place):
                self._mesh.note(f"{service}/{place.shard} is handed over")

    def _usurp(self, service: str) -> None:
        steward = self._mesh.steward
        places = [place for place in steward.places if place.service == service]
        self._draw.shuffle(places)
        for place in places[: self._draw.randint(1, len(places))]:
            if steward.usurp(place):
                self._mesh.note(f"{service}/{place.shard} gets a second owner")

    def _storm(self) -> None:
        self._mesh.note("a storm on the network")
        start_background(self._weather_storm(), "storm")

    async def _weather_storm(self) -> None:
        weather = self._mesh.weather
        weather.request_loss *= 6
        weather.response_loss *= 6
        weather.delay *= 3
        await self._mesh.clock.sleep(STORM_S)
        weather.request_loss /= 6
        weather.response_loss /= 6
        weather.delay /= 3
