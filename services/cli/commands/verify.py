"""`hongbao verify`: recomputes every amount of closed rounds, from the mesh or from a file."""

from __future__ import annotations

from pathlib import Path

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.cards.v1 import cards_pb2 as cards
from services.allocation.domain.proofs import Mismatch, Proof, Statement
from services.cards.domain.proof.proofs import CardProof, card_word
from services.cards.domain.sets.luck import luck_classes, luck_key
from services.cards.domain.vocabulary import ShareMode
from services.cli.console import CONSOLE, Refusal
from services.cli.gala.progress import yuan
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import Operator, connected
from services.cli.proofs.bounds import NotVerifiable
from services.cli.proofs.cards.mesh import OperatorProofs, verify_game
from services.cli.proofs.cards.reading import VerifiedCards
from services.cli.proofs.cards.statement import Outcome as CardsOutcome
from services.cli.proofs.cards.statement import Statement as CardsStatement
from services.cli.proofs.draw import verify_round
from services.cli.proofs.files import verify_file
from services.cli.proofs.reading import Verified
from services.mesh.errors import ServiceError
from services.mesh.settings import MeshSettings

HOLDS, DIFFERS, NOT_VERIFIABLE = 0, 1, 2
"""How the command ends: all is as committed, something is not, the file is none that can be verified."""


def verify_offline(path: Path, packets_max: int, cards_max: int, person_id: int | None = None) -> int:
    """Verifies a published round or card game, or a proof, with the file alone; returns the exit code.

    A round of more packets than `packets_max` is not recomputed, nor a game whose decks have more cards than
    `cards_max`. Of a game it is also told what a set of `person_id` is worth, whoever completed one.
    """
    try:
        verified = verify_file(path, packets_max, cards_max)
    except Mismatch as mismatch:
        _say(f"{path.name} does NOT hold: {mismatch}", "red")
        return DIFFERS
    except NotVerifiable as refusal:
        _say(f"{path.name} cannot be verified: {refusal}", "red")
        return NOT_VERIFIABLE
    if person_id is not None and not isinstance(verified, VerifiedCards):
        _say(f"{path.name} is no card game: --person goes with one", "red")
        return NOT_VERIFIABLE
    match verified:
        case Proof():
            _say_packet(verified)
        case CardProof():
            _say_card(verified)
        case VerifiedCards():
            _say_game(verified)
            if person_id is not None:
                _say_worth(verified, person_id)
        case Verified():
            _say_round(verified)
    return HOLDS


async def verify_rounds(
    mesh: MeshRecord, settings: MeshSettings, campaign_id: str, round_id: str | None
) -> bool:
    """Verifies one round, or all closed ones of a campaign and its card game; False when one does not hold.

    Prints a line for each.
    """
    async with connected(mesh.etcd_endpoint, settings) as operator:
        if round_id is not None:
            found, game = [await operator.round(campaign_id, round_id)], None
        else:
            found, game = await _rounds(operator, campaign_id), await _closed_game(operator, campaign_id)
        rounds = [played for played in found if played.phase == allocation.ROUND_PHASE_CLOSED]
        if not rounds and game is None:
            what = (
                f"{round_id} of {campaign_id} is not closed"
                if round_id
                else f"{campaign_id} has no closed round or card game"
            )
            raise Refusal(f"{what} yet; a seed is revealed at the end: try again then")
        all_hold = True
        for played in rounds:
            proof = await verify_round(operator, played)
            all_hold = all_hold and proof.holds
            outcome = "as committed" if proof.holds else f"does NOT hold: {proof.complaint}"
            _say(
                f"{played.stock_id}: {proof.packets:,} packets, {yuan(proof.won_fen)} yuan, {outcome}",
                "green" if proof.holds else "red",
            )
        if game is not None:
            all_hold = await _verify_game(operator, game) and all_hold
    return all_hold


async def _rounds(operator: Operator, campaign_id: str) -> list[allocation.Round]:
    """The rounds of a campaign; none for one that has only a card game."""
    try:
        return await operator.rounds(campaign_id)
    except ServiceError as error:
        if error.reason != "CAMPAIGN_UNKNOWN":
            raise
        return []


async def _closed_game(operator: Operator, campaign_id: str) -> cards.Game | None:
    """The card game of a campaign, if it has one and its pool is shared."""
    try:
        game = await operator.game(campaign_id)
    except ServiceError as error:
        if error.reason != "GAME_UNKNOWN":
            raise
        return None
    return game if game.phase == cards.GAME_PHASE_CLOSED else None


async def _verify_game(operator: Operator, game: cards.Game) -> bool:
    proof = await verify_game(OperatorProofs(operator), game)
    outcome = "as committed" if proof.holds else f"does NOT hold: {proof.complaint}"
    what = f"{proof.cards:,} cards, {sum(game.decision.sets_by_shard):,} sets"
    _say(f"{game.campaign_id}: {what}, {outcome}", "green" if proof.holds else "red")
    return proof.holds


def _say_packet(proof: Proof) -> None:
    _say(
        f"{proof.statement.stock_id}: packet {proof.drawn_index} of the draw of shard "
        f"{proof.drawn_shard} is {yuan(proof.amount_fen)} yuan, as committed",
        "green",
    )
    _say_what_to_compare(proof.statement)


def _say_card(proof: CardProof) -> None:
    _say(
        f"{proof.game.campaign_id}: card {proof.place} of deck {proof.deck_number} of shard {proof.shard} is "
        f"{card_word(proof.card)}, as committed",
        "green",
    )
    _say_commitment(proof.game.seed_commitment)


def _say_round(verified: Verified) -> None:
    heading = verified.heading
    won = f"{verified.packets:,} packets, {yuan(verified.won_fen)} yuan"
    _say(f"{heading.statement.stock_id}: {won}, as committed", "green")
    _say(f"announced: {heading.announced_at}, for {heading.opens_at} to {heading.closes_at}")
    _say_what_to_compare(heading.statement)
    _say(f"digest: {verified.digest.hex()}")


def _say_game(verified: VerifiedCards) -> None:
    said = verified.statement
    dealt = f"{verified.cards:,} cards of {verified.decks:,} decks"
    _say(f"{said.game.campaign_id}: {dealt}, {shared(said, verified.outcome)}, as committed", "green")
    _say(f"played: {said.opens_at} to {said.deadline}")
    _say_commitment(said.game.seed_commitment)
    _say(f"digest: {verified.digest.hex()}")


def _say_worth(verified: VerifiedCards, person_id: int) -> None:
    """What nobody but the person themselves can look up: the file names no one."""
    said, outcome = verified.statement, verified.outcome
    if said.share_mode is ShareMode.EQUAL:
        _say(f"a set of person {person_id} is worth {yuan(outcome.share_fen)} yuan, as every set")
        return
    luck = luck_classes(luck_key(said.game.seed, said.game.campaign_id), [person_id])[0]
    share = yuan(outcome.luck_shares_fen[luck - 1])
    _say(f"person {person_id} has luck {luck} of 1 to 199: a set of theirs is worth {share} yuan")


def shared(said: CardsStatement, outcome: CardsOutcome) -> str:
    """How a pool was shared, in words."""
    sets, mode = sum(outcome.sets_by_shard), said.share_mode.name.lower()
    return f"{sets:,} sets share {yuan(said.pool_fen)} yuan ({mode}), {outcome.remainder_fen:,} fen remain"


def _say_commitment(seed_commitment: bytes) -> None:
    _say(f"commitment: {seed_commitment.hex()} (compare it with the one that was announced)")


def _say_what_to_compare(statement: Statement) -> None:
    """What no file can prove by itself, because whoever writes the file could write that too."""
    _say_commitment(statement.seed_commitment)
    if statement.beacon:
        _say(f"beacon: {statement.beacon_value.hex()} (compare it with {statement.beacon})")


def _say(line: str, style: str = "") -> None:
    CONSOLE.print(_visible(line), style=style, markup=False, highlight=False, soft_wrap=True)


def _visible(line: str) -> str:
    """A line that is one: a file could otherwise move the cursor, and write a verdict of its own there."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)
