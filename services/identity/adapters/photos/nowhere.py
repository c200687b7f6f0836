"""No store of objects at all, where none is set."""

from __future__ import annotations

from services.identity.domain.verifying.errors import ObjectStoreUnavailable


class NoStore:
    """`ObjectStore` that keeps nothing: everything but photos goes on."""

    async def put(self, name: str, content: bytes) -> None:  # noqa: ARG002 - the port's
        """See `ObjectStore.put`."""
        raise ObjectStoreUnavailable

    async def get(self, name: str) -> bytes:  # noqa: ARG002 - the port's
        """See `ObjectStore.get`."""
        raise ObjectStoreUnavailable

    async def delete(self, name: str) -> None:  # noqa: ARG002 - the port's
        """See `ObjectStore.delete`."""
        raise ObjectStoreUnavailable

    async def close(self) -> None:
        """See `ObjectStore.close`."""
