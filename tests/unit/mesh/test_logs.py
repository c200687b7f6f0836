from __future__ import annotations

import io
import json
from typing import Any

import structlog

from services.mesh.logs import BLOT, PERSONAL_FIELDS, blot_out


def logged(**values: Any) -> dict[str, Any]:
    output = io.StringIO()
    logger = structlog.wrap_logger(
        structlog.WriteLogger(output), processors=[blot_out, structlog.processors.JSONRenderer()]
    )
    logger.info("happened", **values)
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def test_values_under_personal_names_are_blotted_out_wherever_they_are() -> None:
    found = logged(
        phone="13800138000", account={"resident_id": "11010519491231002X", "account_id": 7}, shard=3
    )
    assert found == {
        "event": "happened",
        "phone": BLOT,
        "account": {"resident_id": BLOT, "account_id": 7},
        "shard": 3,
    }


def test_names_that_logs_are_read_by_are_not_personal() -> None:
    kept = {"event", "name", "level", "service", "instance", "method", "reason", "error", "key", "shard"}
    assert not kept & PERSONAL_FIELDS
    assert logged(name="mesh.server", key="/hongbao/x")["name"] == "mesh.server"
