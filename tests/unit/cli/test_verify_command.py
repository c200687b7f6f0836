from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.proofs_contract import proof_message
from services.cli.app import app
from services.cli.proofs.files import proof_file
from tests.unit.cli.published_rounds import BEACON, DRAND, a_proof, published, statement, three_runs


def test_a_beacon_is_told_in_hexadecimal_digits() -> None:
    outcome = CliRunner().invoke(app, ["beacon", "spring", "round-1", "drand"])
    assert outcome.exit_code == 2
    assert "is not in hexadecimal digits" in outcome.output


def test_the_command_says_how_it_went_and_needs_no_mesh(tmp_path: Path) -> None:
    said = statement(beacon=DRAND)
    whole = published(said, three_runs(said))
    forged = whole.replace(b'"drawn_index":17', b'"drawn_index":16')
    for name, content in {"good": whole, "forged": forged, "other": b"hello"}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "mine").write_text(proof_file(allocation.GetProofResponse(proof=proof_message(a_proof()))))
    outcomes = {
        name: CliRunner().invoke(app, ["verify", str(tmp_path / name)])
        for name in ("good", "mine", "forged", "other")
    }
    assert {name: outcome.exit_code for name, outcome in outcomes.items()} == {
        "good": 0,
        "mine": 0,
        "forged": 1,
        "other": 2,
    }
    assert "25 packets" in outcomes["good"].output
    assert f"beacon: {BEACON.hex()} (compare it with {DRAND})" in outcomes["good"].output
    assert "packet 18 of the draw of shard 1" in outcomes["mine"].output
    assert "line 3: packet 15 of shard 0, 16 of the draw of shard 1" in outcomes["forged"].output
    assert "neither a published round" in outcomes["other"].output
