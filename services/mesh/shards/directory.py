"""Members of services without shards, and calls that pick one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from services.mesh.clock import Clock
from services.mesh.errors import ErrorKind, ServiceError

T = TypeVar("T")


class NoMember(ServiceError):
    """No instance of the service is known."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SERVICE_WITHOUT_MEMBERS"
    retry_delay_ms = 200


class Directory:
    """Addresses of services, from etcd or, where given, from settings (`fixed`), which win.

    Without an etcd client only the fixed ones are known: that is how a mesh in one process is wired, and
    how Kubernetes service names are used.
    """

    def __init__(
        self,
        client: object | None = None,
        *,
        fixed: Mapping[str, Sequence[str]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        raise NotImplementedError

    async def start(self, services: Sequence[str]) -> None:
        """Begins to watch the members of the services that this process calls."""
        raise NotImplementedError

    async def address(self, service: str, timeout_s: float = 1.0) -> str:
        """The next member's host:port in turn, waiting for one to appear. Raises `NoMember`."""
        raise NotImplementedError

    def addresses(self, service: str) -> Sequence[str]:
        """All members known, in stable order."""
        raise NotImplementedError

    async def call(self, service: str, attempt: Callable[[str, float], Awaitable[T]], deadline_s: float) -> T:
        """Runs `attempt(address, timeout_s)` at one member, and at the next when it raises UNAVAILABLE.

        `deadline_s` is seconds from now. Other errors pass at once. An attempt may run more than once: it
        must be idempotent.
        """
        raise NotImplementedError

    async def close(self) -> None:
        """Ends the watches."""
        raise NotImplementedError
