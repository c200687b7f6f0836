from __future__ import annotations

from services.mesh.clock import SystemClock
from services.mesh.etcd.connect import connect
from services.mesh.settings import MeshSettings


async def test_etcd_is_tried_again_after_the_pauses_that_settings_name() -> None:
    settings = MeshSettings.model_validate({"backoff_ms_min": 7, "backoff_ms_max": 9})
    client = connect(settings, SystemClock())
    assert client is not None
    async with client:
        assert (client.limits.backoff_ms_min, client.limits.backoff_ms_max) == (7, 9)


async def test_a_mesh_without_endpoints_has_no_etcd() -> None:
    assert connect(MeshSettings.model_validate({"etcd_endpoints": ()}), SystemClock()) is None
