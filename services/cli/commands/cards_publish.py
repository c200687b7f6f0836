"""`hongbao cards publish`: writes what everyone needs to check a card game, or one card of it."""

from __future__ import annotations

from pathlib import Path

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as events
from hongbao.cards.v1 import proof_pb2 as proofs
from hongbao.cards.v1 import proof_pb2_grpc as proofs_grpc
from services.allocation.domain.proofs import Mismatch
from services.cli.commands.publish import replaced
from services.cli.console import CONSOLE, Refusal
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.cli.proofs.cards.mesh import OperatorProofs, write_game
from services.cli.proofs.files import proof_file
from services.mesh.settings import MeshSettings
from services.mesh.shards.hashing import shard_of


async def publish_game(mesh: MeshRecord, settings: MeshSettings, campaign_id: str, out: Path) -> None:
    """Writes the public file of a closed game. It names no person; the same game gives the same file."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        game = await operator.game(campaign_id)
        if game.phase != cards.GAME_PHASE_CLOSED:
            raise Refusal(
                f"the card game of {campaign_id} is not closed yet; its seed is revealed when it is"
            )
        with replaced(out) as file:
            try:
                digest = await write_game(OperatorProofs(operator), game, file)
            except Mismatch as mismatch:
                raise Refusal(f"the card game of {campaign_id} cannot be published: {mismatch}") from None
    dealt = f"{sum(figures.issued for figures in game.cards):,} cards"
    CONSOLE.print(f"{out}: {dealt}, digest {digest.hex()}", markup=False, highlight=False, soft_wrap=True)


async def publish_card(
    mesh: MeshRecord,
    settings: MeshSettings,
    asked: proofs.ProveCardRequest,
    out: Path,
) -> None:
    """Writes the proof of one person's card. It does not name the person."""
    shard = shard_of(asked.person_id, settings.cards_shards)
    async with connected(mesh.etcd_endpoint, settings) as operator:
        answer = await operator.at_cards(
            shard,
            lambda channel, timeout_s: proofs_grpc.CardProofServiceStub(channel).ProveCard(
                asked, timeout=timeout_s
            ),
        )
    with replaced(out) as file:
        file.write(proof_file(answer).encode())
    card = events.Card.Name(answer.proof.card).removeprefix("CARD_").lower()
    CONSOLE.print(f"{out}: one card, {card}", markup=False, highlight=False, soft_wrap=True)
