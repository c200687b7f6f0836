"""A small burst of shares and messages beside a round, with all processes: nothing is lost, and what is
too much is refused with a delay. What it does to the speed of claims, `hongbao bench isolation` says."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.command import hongbao


async def test_a_burst_is_refused_or_delivered_and_claims_go_on(tmp_path: Path) -> None:
    outcome = await hongbao(
        *("bench", "isolation", "--seconds", "2", "--pairs", "1", "--no-warm-up", "--no-saturated"),
        *("--people", "30", "--talkers", "6", "--claims", "20", "--shares", "4", "--messages", "8"),
        *("--folder", str(tmp_path), "--report", str(tmp_path / "isolation.json")),
    )
    assert outcome.exit_code == 0, outcome.output + outcome.complaints
    found = json.loads((tmp_path / "isolation.json").read_text())
    assert found["claims_per_s"] > 0
    assert found["claims_per_s_burst"] > 0
    assert found["messages_accepted"] == found["messages_delivered"] > 0
    assert found["messages_twice"] == found["messages_out_of_order"] == 0
    assert found["shares_accepted"] > 0
    assert found["envelopes_wrong"] == 0
    for kind in ("messages", "shares"):
        assert found[f"{kind}_refused"] > 0
        assert found[f"{kind}_without_delay"] == 0
