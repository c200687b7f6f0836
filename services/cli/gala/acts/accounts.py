"""The last word on the cards: where each of them is, and whether it was drawn as committed."""

from __future__ import annotations

from collections import Counter

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as cards_events
from services.cli.gala.acts.cards import arrived, look_at_hands
from services.cli.gala.acts.exchanges import Traded, Way, came_home
from services.cli.gala.acts.late import Latecomers
from services.cli.gala.card_report import CardFigures, KindFigures
from services.cli.gala.stage import Stage
from services.cli.proofs.cards.mesh import OperatorProofs, verify_game


async def account_for_cards(
    stage: Stage, game: cards.Game, traded: Traded, late: Latecomers, dealt: tuple[int, int, int]
) -> CardFigures:
    """Counts every card of a closed game in several ways, and recomputes every draw of it.

    `dealt` is what was dealt for taps, for shares and for invitations.
    """
    stage.progress.act = "every card is accounted for"
    figures = await arrived(stage)
    shown = sum((await look_at_hands(stage)).values(), Counter[int]())
    proof = await verify_game(OperatorProofs(stage.operator), game)
    ways = traded.ways
    unseen = late.cards_moved - late.cards_arrived
    places = {int(card.card): card for card in figures.cards}
    return CardFigures(
        kinds=[
            KindFigures(
                card=cards_events.Card.Name(kind.card).removeprefix("CARD_"),
                issue_limit=kind.issue_limit,
                issued=kind.issued,
                held=places[kind.card].held,
                spent=places[kind.card].spent,
                shown=shown[kind.card],
                unseen=unseen[kind.card],
            )
            for kind in game.cards
        ],
        dealt_for_taps=dealt[0],
        dealt_for_shares=dealt[1],
        dealt_for_invitations=dealt[2],
        offers_accepted=ways[Way.ACCEPTED],
        offers_declined=ways[Way.DECLINED],
        offers_taken_back=ways[Way.TAKEN_BACK],
        asks_answered=ways[Way.ANSWERED],
        asks_declined=ways[Way.ASK_DECLINED],
        asks_taken_back=ways[Way.ASK_TAKEN_BACK],
        left=len(traded.to_come_home),
        came_home=await came_home(stage, traded),
        moved=late.cards_moved.total(),
        moved_arrived=late.cards_arrived.total(),
        sets_decided=sum(game.decision.sets_by_shard),
        verified=proof.cards,
        complaint=proof.complaint,
    )
