"""A store of objects: bytes under opaque names, written once, whole or not at all."""

from __future__ import annotations

from typing import Protocol


class ObjectMissing(Exception):
    """Nothing is kept under this name."""


class ObjectStore(Protocol):
    """Keeps bytes. Durable on return; every method raises `ObjectStoreUnavailable` when it cannot be done."""

    async def put(self, name: str, content: bytes) -> None:
        """Keeps bytes under a name; whoever reads sees all of them or what was there before."""
        ...

    async def get(self, name: str) -> bytes:
        """What is kept under a name. Raises `ObjectMissing`."""
        ...

    async def delete(self, name: str) -> None:
        """Forgets what is kept under a name, if anything is."""
        ...

    async def close(self) -> None:
        """Lets go of threads and connections. Idempotent."""
        ...
