"""etcd for tests: one server that a module's tests share, and one that a test may mistreat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.mesh.etcd.client import EtcdClient
from tests.integration.mesh.etcd_fixtures import EtcdServer, running_etcd, shared_etcd


@pytest.fixture(scope="module")
def shared_etcd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    with shared_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server


@pytest.fixture
async def etcd_client(shared_etcd_server: EtcdServer) -> AsyncIterator[EtcdClient]:
    """A client of a server that other tests use as well."""
    async with EtcdClient([shared_etcd_server.endpoint]) as client:
        yield client
        await client.delete_prefix("/")


@pytest.fixture
async def own_etcd(tmp_path: Path) -> AsyncIterator[EtcdServer]:
    """A server that the test may mistreat."""
    async with running_etcd(tmp_path) as [server]:
        yield server


@pytest.fixture
async def own_etcd_client(own_etcd: EtcdServer) -> AsyncIterator[EtcdClient]:
    async with EtcdClient([own_etcd.endpoint]) as client:
        yield client
