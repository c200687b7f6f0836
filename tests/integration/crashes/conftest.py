"""What the tests of a module share: processes that fork at once, and etcd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.crashes.crash_mesh import Nursery, open_nursery
from tests.integration.mesh.etcd_fixtures import EtcdServer, shared_etcd


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with open_nursery() as nursery:
        yield nursery


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdServer]:
    with shared_etcd(tmp_path_factory.mktemp("etcd")) as server:
        yield server
