"""Files that can be verified with nothing else: a published round, or the proof of a single packet."""

from __future__ import annotations

import json
from pathlib import Path

from google.protobuf import json_format

from hongbao.allocation.v1 import allocation_pb2 as allocation
from services.allocation.domain.proofs import Proof
from services.allocation.domain.proofs_contract import read_proof
from services.cli.proofs.bounds import PACKETS_MAX_DEFAULT, NotVerifiable, require_affordable
from services.cli.proofs.lines import LINE_BYTES_MAX
from services.cli.proofs.reading import Verified, verify_published

_PROOF_BYTES_MAX = 1 << 16
"""Largest file that is taken for a proof."""


def verify_file(path: Path, packets_max: int = PACKETS_MAX_DEFAULT) -> Verified | Proof:
    """Recomputes a file. Raises `Mismatch`, which names what does not fit, and `NotVerifiable`."""
    try:
        with path.open("rb") as file:
            if _is_published(file.readline(LINE_BYTES_MAX)):
                file.seek(0)
                return verify_published(file, packets_max)
            file.seek(0)
            return verify_proof(file.read(_PROOF_BYTES_MAX), packets_max)
    except OSError as failure:
        raise NotVerifiable(f"it cannot be read: {(failure.strerror or str(failure)).lower()}") from failure


def verify_proof(text: bytes, packets_max: int = PACKETS_MAX_DEFAULT) -> Proof:
    """Recomputes one packet from its proof. Raises `Mismatch`, `NotVerifiable`."""
    try:
        answer = json_format.Parse(text, allocation.GetProofResponse())
    except (json_format.ParseError, ValueError, RecursionError):
        answer = allocation.GetProofResponse()
    if not answer.HasField("proof"):
        raise NotVerifiable("it is neither a published round nor the proof of a packet")
    proof = read_proof(answer.proof)
    require_affordable(proof.statement, packets_max)
    proof.check(answer.proof.digest)
    return proof


def proof_file(answer: allocation.GetProofResponse) -> str:
    """The text of a proof's file."""
    return json_format.MessageToJson(answer, preserving_proto_field_name=True, ensure_ascii=False) + "\n"


def _is_published(first_line: bytes) -> bool:
    try:
        line = json.loads(first_line)
    except (ValueError, RecursionError):
        return False
    return isinstance(line, dict) and "format" in line
