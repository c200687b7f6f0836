"""Objects as files of a directory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from services.identity.adapters.photos.objects import ObjectMissing
from services.identity.domain.verifying.errors import ObjectStoreUnavailable

T = TypeVar("T")


class DirectoryStore:
    """`ObjectStore` over a directory that all replicas share, as on one machine or a network file system."""

    def __init__(self, folder: Path, *, threads: int) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="photos")

    async def put(self, name: str, content: bytes) -> None:
        """See `ObjectStore.put`."""
        await self._run(lambda: _write(self._path(name), content))

    async def get(self, name: str) -> bytes:
        """See `ObjectStore.get`."""
        try:
            return await self._run(self._path(name).read_bytes)
        except FileNotFoundError:
            raise ObjectMissing(name) from None

    async def delete(self, name: str) -> None:
        """See `ObjectStore.delete`."""
        await self._run(lambda: _remove(self._path(name)))

    async def close(self) -> None:
        """See `ObjectStore.close`."""
        # What is under way comes to its end without anybody waiting: no thread of the loop's own is needed.
        self._threads.shutdown(wait=False)

    def _path(self, name: str) -> Path:
        assert name.isalnum(), "names are opaque: no path is made of what somebody typed"  # noqa: S101 - an invariant
        return self._folder / name[:2] / name

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except FileNotFoundError:
            raise
        except OSError:
            raise ObjectStoreUnavailable from None


def _write(path: Path, content: bytes) -> None:
    # Aside, to the disk, then renamed into place, and the name to the disk: whole or not at all.
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _aside(path)
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
    _sync(path.parent)


def _remove(path: Path) -> None:
    if not path.parent.exists():
        return
    # What a crash has left aside goes as well.
    _aside(path).unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    _sync(path.parent)


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
