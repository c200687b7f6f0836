from __future__ import annotations

import errno
import hashlib
from pathlib import Path
from unittest.mock import patch

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
    assert "neither a published round or card game" in outcomes["other"].output


def test_a_file_cannot_write_a_verdict_of_its_own(tmp_path: Path) -> None:
    said = statement()
    lines = published(said, [])
    forged = lines.replace(b"2016-02-07T11:00:00Z", b"\\u001b[2J\\nall is well", 1)
    first, rest = forged.rsplit(b"\n", 2)[0] + b"\n", forged.rsplit(b"\n", 2)[1]
    digest = rest.replace(rest[-66:-2], hashlib.sha256(first).hexdigest().encode())
    (tmp_path / "round").write_bytes(first + digest + b"\n")
    outcome = CliRunner().invoke(app, ["verify", str(tmp_path / "round")])
    assert outcome.exit_code == 0
    assert "announced: \\x1b[2J\\nall is well, for" in outcome.output


def test_a_file_that_cannot_be_read_is_no_forged_one(tmp_path: Path) -> None:
    path = tmp_path / "round"
    path.write_bytes(b"")
    with patch.object(Path, "open", side_effect=PermissionError(errno.EACCES, "Permission denied")):
        outcome = CliRunner().invoke(app, ["verify", str(path)])
    assert outcome.exit_code == 2
    assert "it cannot be read: permission denied" in outcome.output
