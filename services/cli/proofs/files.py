"""Files that can be verified with nothing else: published rounds and card games, and proofs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from google.protobuf import json_format
from google.protobuf.message import Message

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.cards.v1 import proof_pb2 as card_proofs
from services.allocation.domain.proofs import Mismatch, Proof
from services.allocation.domain.proofs_contract import read_proof
from services.cards.domain.proof.proofs import CardProof
from services.cards.domain.proof.proofs import Mismatch as NoProof
from services.cards.domain.proof.proofs_contract import read_card_proof
from services.cli.proofs.bounds import (
    CARDS_MAX_DEFAULT,
    PACKETS_MAX_DEFAULT,
    NotVerifiable,
    require_affordable,
)
from services.cli.proofs.cards.published import FORMAT as CARDS_FORMAT
from services.cli.proofs.cards.reading import VerifiedCards, verify_published_cards
from services.cli.proofs.lines import LINE_BYTES_MAX
from services.cli.proofs.reading import Verified, verify_published

MessageT = TypeVar("MessageT", bound=Message)

_PROOF_BYTES_MAX = 1 << 16
"""Largest file that is taken for a proof."""


VerifiedFile = Verified | VerifiedCards | Proof | CardProof
"""What a file that holds was."""


def verify_file(
    path: Path, packets_max: int = PACKETS_MAX_DEFAULT, cards_max: int = CARDS_MAX_DEFAULT
) -> VerifiedFile:
    """Recomputes a file. Raises `Mismatch`, which names what does not fit, and `NotVerifiable`."""
    try:
        with path.open("rb") as file:
            kind = _format(file.readline(LINE_BYTES_MAX))
            file.seek(0)
            if kind == CARDS_FORMAT:
                return verify_published_cards(file, cards_max)
            if kind is not None:
                return verify_published(file, packets_max)
            return verify_proof(file.read(_PROOF_BYTES_MAX), packets_max)
    except OSError as failure:
        raise NotVerifiable(f"it cannot be read: {(failure.strerror or str(failure)).lower()}") from failure


def verify_proof(text: bytes, packets_max: int = PACKETS_MAX_DEFAULT) -> Proof | CardProof:
    """Recomputes one packet or card from its proof. Raises `Mismatch`, `NotVerifiable`."""
    packet = _parsed(text, allocation.GetProofResponse())
    if packet is not None and packet.HasField("proof"):
        proof = read_proof(packet.proof)
        require_affordable(proof.statement, packets_max)
        proof.check(packet.proof.digest)
        return proof
    card = _parsed(text, card_proofs.ProveCardResponse())
    if card is not None and card.HasField("proof"):
        return _verify_card(card.proof)
    raise NotVerifiable("it is neither a published round or card game nor the proof of a packet or card")


def proof_file(answer: allocation.GetProofResponse | card_proofs.ProveCardResponse) -> str:
    """The text of a proof's file."""
    return json_format.MessageToJson(answer, preserving_proto_field_name=True, ensure_ascii=False) + "\n"


def _verify_card(said: card_proofs.CardProof) -> CardProof:
    proof = read_card_proof(said)
    try:
        proof.check(said.digest)
    except NoProof as wrong:
        raise Mismatch(str(wrong)) from None
    return proof


def _parsed(text: bytes, message: MessageT) -> MessageT | None:
    """The message that a text is; None for another. No proof's fields are all those of another kind."""
    try:
        return json_format.Parse(text, message)
    except (json_format.ParseError, ValueError, RecursionError):
        return None


def _format(first_line: bytes) -> str | None:
    """What a published file calls itself; None for what is none."""
    try:
        line = json.loads(first_line)
    except (ValueError, RecursionError):
        return None
    return str(line["format"]) if isinstance(line, dict) and "format" in line else None
