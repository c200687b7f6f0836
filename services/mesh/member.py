"""The running of a service without shards: found through the directory, from ready to drained."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from services.mesh.clock import Clock
from services.mesh.errors import ServiceError
from services.mesh.etcd.connect import connect
from services.mesh.failpoints import arm_failpoints
from services.mesh.server import MeshServer, StartFailed, exposed_metrics
from services.mesh.settings import MeshSettings
from services.mesh.shards.membership import Membership


async def serve_as_member(
    server: MeshServer,
    settings: MeshSettings,
    clock: Clock,
    *,
    prepare: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Starts the server, announces its address in etcd if there is one, and serves until a signal.

    `prepare` runs while the server already answers, NOT_SERVING by health: it is ready when that returns.
    At the signal the address is withdrawn first, and calls that still come are answered while it drains.
    Raises `StartFailed` when the port is taken or etcd cannot be reached.
    """
    arm_failpoints(settings.failpoints)
    async with AsyncExitStack() as stack:
        stack.enter_context(exposed_metrics(settings))
        address = await server.start()
        if prepare is not None:
            await prepare()
        etcd = connect(settings, clock)
        if etcd is None:
            await server.set_ready(True)
            await server.run_until_signal()
            return
        stack.push_async_callback(etcd.close)
        membership = Membership(
            etcd,
            service=settings.service,
            instance=settings.instance,
            address=address,
            lease_ttl_s=settings.lease_ttl_s,
        )
        stack.push_async_callback(membership.close)
        # Ready before found: whoever learns the address may call it at once.
        await server.set_ready(True)
        try:
            await membership.start()
        except ServiceError as failure:
            await server.drain_and_stop()
            raise StartFailed(f"{settings.service}: cannot join the mesh: {failure}") from None
        await server.run_until_signal(on_drain=membership.close)
