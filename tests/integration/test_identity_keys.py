"""Master keys of a running identity service: rotated under its eyes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from hongbao.identity.v1 import identity_pb2, privacy_pb2
from hongbao.identity.v1.identity_pb2_grpc import IdentityServiceStub
from hongbao.identity.v1.privacy_pb2_grpc import KeyServiceStub
from services.identity.__main__ import wire
from services.identity.adapters.tables import schema
from services.identity.settings import IdentitySettings
from services.mesh.callgraph import OPERATOR
from services.mesh.clock import ManualClock
from services.mesh.database.database import Database
from services.mesh.keys.masters import KeysUnusable, MasterKeys, rotate_file
from services.mesh.keys.rotation import shown
from services.mesh.room import at_work, services_of
from tests.contract.bench import Bench

REGISTER = identity_pb2.RegisterRequest(
    request_id="4d3c0b5e-7a65-4f7e-9a11-0d7c1f0f4a01", phone="13800138000", display_name="小明"
)
Keys = list[privacy_pb2.MasterKeyStatus]


async def test_a_file_is_rotated_while_the_service_runs_and_mistakes_in_it_end_nothing(
    tmp_path: Path,
) -> None:
    file = tmp_path / "identity.key"
    async with Bench(tmp_path) as bench:
        settings = bench.settings(IdentitySettings, identity_key_file=str(file), identity_keys_batch=1)
        database = await Database.open(settings, schema)
        try:
            rooms = wire(settings, database, bench.clock)
            async with at_work(rooms):
                address = await bench.serve("identity", services_of(rooms), settings)
                accounts = IdentityServiceStub(bench.channels("gateway").channel(address))
                service = KeyServiceStub(bench.channels(OPERATOR).channel(address))
                first = await accounts.Register(REGISTER)
                old, new = MasterKeys.from_file(file).current, rotate_file(file)
                keys = await _until(service, bench.clock, lambda keys: keys[0].removable)
                assert [(key.key_id, key.record_count, key.current) for key in keys] == [
                    (shown(old.master_id), 0, False),
                    (shown(new.master_id), 2, True),
                ]
                # The same secret is told again: its key has stayed.
                assert await accounts.Register(REGISTER) == first
                file.write_text("nonsense\n")
                await bench.clock.advance(60)
                assert await accounts.Register(REGISTER) == first
                assert (await _until(service, bench.clock, lambda _: True))[-1].current
                file.write_text(f"{new.raw.hex()}\n")
                await _until(service, bench.clock, lambda keys: keys[-1].current)
        finally:
            await database.close()
        # Whoever starts with another key is told which one is missing, before anything is served.
        other = await Database.open(settings, schema)
        try:
            with pytest.raises(KeysUnusable, match=shown(new.master_id)):
                wire(bench.settings(IdentitySettings, identity_key="ab" * 32), other, bench.clock)
        finally:
            await other.close()


async def _until(service: KeyServiceStub, clock: ManualClock, met: Callable[[Keys], bool]) -> Keys:
    """The keys, once they are as expected; time passes meanwhile."""
    for _ in range(1_000):
        await clock.advance(1)
        keys = list((await service.ListMasterKeys(privacy_pb2.ListMasterKeysRequest())).keys)
        if met(keys):
            return keys
        await asyncio.sleep(0.005)
    raise AssertionError(f"it never came to that: {keys}")
