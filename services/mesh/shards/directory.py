"""Members of services without shards, and calls that pick one of them."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from services.mesh.backoff import Backoff
from services.mesh.clock import Clock, SystemClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.etcd.client import EtcdClient
from services.mesh.etcd.view import PrefixView
from services.mesh.shards.records import ServiceKeys, read_members
from services.mesh.shards.waiting import wait_at_most

T = TypeVar("T")


class NoMember(ServiceError):
    """No instance of the service is known."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SERVICE_WITHOUT_MEMBERS"
    retry_delay_ms = 200


def fixed_addresses(words: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Reads `service=host:port` words; a service named more than once has several members.

    Raises ValueError for a word that is not of this form.
    """
    fixed: dict[str, tuple[str, ...]] = {}
    for word in words:
        service, separator, address = word.partition("=")
        if not (service and separator and ":" in address):
            raise ValueError(f"{word!r} is not of the form service=host:port")
        fixed[service] = (*fixed.get(service, ()), address)
    return fixed


class Directory:
    """Addresses of services, from etcd or, where given, from settings (`fixed`), which win.

    Without an etcd client only the fixed ones are known: that is how a mesh in one process is wired, and
    how Kubernetes service names are used.
    """

    def __init__(
        self,
        client: EtcdClient | None = None,
        *,
        fixed: Mapping[str, Sequence[str]] | None = None,
        clock: Clock | None = None,
        backoff_ms_min: int = 20,
        backoff_ms_max: int = 500,
    ) -> None:
        self._client = client
        self._fixed = {service: tuple(addresses) for service, addresses in (fixed or {}).items()}
        self._clock = clock or SystemClock()
        self._backoff_ms_min = backoff_ms_min
        self._backoff_ms_max = backoff_ms_max
        self._views: dict[str, PrefixView] = {}
        # What the views show, decoded once for each change: calls are many, changes are few.
        self._known: dict[str, tuple[int, Sequence[str]]] = {}
        self._turns: dict[str, Iterator[int]] = {}

    async def start(self, services: Sequence[str]) -> None:
        """Begins to watch the members of the services that this process calls, unless they are fixed.

        Raises ValueError for a service that has no fixed address when there is no etcd client.
        """
        for service in services:
            if service in self._fixed or service in self._views:
                continue
            if self._client is None:
                raise ValueError(f"{service} has no fixed address, and there is no etcd to ask")
            self._views[service] = PrefixView(self._client, ServiceKeys(service).members)
            await self._views[service].start()

    async def close(self) -> None:
        """Ends the watches. Idempotent."""
        for view in self._views.values():
            await view.close()

    def addresses(self, service: str) -> Sequence[str]:
        """All members known, as host:port in stable order; none for a service that is not watched."""
        if service in self._fixed:
            return self._fixed[service]
        view = self._views.get(service)
        if view is None:
            return ()
        version, known = self._known.get(service, (0, ()))
        if version != view.version:
            members = read_members(ServiceKeys(service), view.entries)
            known = tuple(members[name].address for name in sorted(members) if members[name].capacity)
            self._known[service] = (view.version, known)
        return known

    async def address(self, service: str, timeout_s: float = 1.0) -> str:
        """The next member's host:port in turn, waiting for one to appear. Raises `NoMember`."""
        ends_s = self._clock.monotonic_s() + timeout_s
        while True:
            view = self._views.get(service)
            version = view.version if view is not None else 0
            addresses = self.addresses(service)
            if addresses:
                turn = next(self._turns.setdefault(service, itertools.count()))
                return addresses[turn % len(addresses)]
            remaining_s = ends_s - self._clock.monotonic_s()
            if view is None or remaining_s <= 0:
                raise NoMember(f"no instance of {service} is known", service=service)
            await wait_at_most(view.changed(version), remaining_s, self._clock)

    async def call(self, service: str, attempt: Callable[[str, float], Awaitable[T]], deadline_s: float) -> T:
        """Runs `attempt(address, timeout_s)` at one member, and at the next when it cannot be reached.

        That is an UNAVAILABLE of the mesh. What the service itself says is its answer, also that somebody
        outside of the mesh is silent: it passes at once, as other errors do. `deadline_s` is seconds from
        now. An attempt may run more than once: it must be idempotent, and keep to `timeout_s`. Raises
        `NoMember` when nobody appeared in time.
        """
        ends_s = self._clock.monotonic_s() + deadline_s
        backoff: Backoff | None = None
        while True:
            address = await self.address(service, max(0.0, ends_s - self._clock.monotonic_s()))
            try:
                return await attempt(address, ends_s - self._clock.monotonic_s())
            except ServiceError as error:
                if error.kind is not ErrorKind.UNAVAILABLE or error.domain != NoMember.domain:
                    raise
                backoff = backoff or Backoff(self._backoff_ms_min, self._backoff_ms_max)
                pause_s = backoff.next_s()
                if self._clock.monotonic_s() + pause_s >= ends_s:
                    raise
                await self._clock.sleep(pause_s)
