"""Everything that people do beside the campaign: who does it, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hongbao.cards.v1 import cards_pb2 as cards
from services.cli.gala.acts.chat import Streamed, chat, messages_compared
from services.cli.gala.acts.circles import InCircles, meet_in_circles
from services.cli.gala.acts.credit import let_a_merchant_ask
from services.cli.gala.acts.devices import refresh_and_lose
from services.cli.gala.acts.inviting import invitations_fulfilled
from services.cli.gala.acts.leaving import leave
from services.cli.gala.people import Player
from services.cli.gala.people_report import (
    ChatFigures,
    CreditFigures,
    InvitationFigures,
    PeopleFigures,
    SessionFigures,
    VerificationFigures,
)
from services.cli.gala.stage import Stage


@dataclass(frozen=True, slots=True)
class Met:
    """What came of meeting, before the end of the evening."""

    trusted: Player
    """Who leaves in the end, and has written something before."""
    others: Sequence[Player]
    streamed: Streamed
    circles: InCircles
    sessions: SessionFigures
    credit: CreditFigures


@dataclass(frozen=True, slots=True)
class Compared:
    """What was compared when the game was over."""

    invitations: InvitationFigures
    chat: ChatFigures


async def meet(stage: Stage) -> Met:
    """People write, meet in circles, and look after devices and credit, while the deadline comes nearer."""
    # Whoever has more than one account has one timeline in the end; whoever verifies late is somebody then.
    firsts = {player.first.number for player in stage.players if player.first is not None}
    known = [player for player in stage.players if not player.verifies_late and player.number not in firsts]
    trusted = max(known, key=lambda player: (player.applies, player.number))
    others = [player for player in known if player is not trusted and not player.applies]
    return Met(
        trusted,
        others,
        streamed=await chat(stage),
        circles=await meet_in_circles(stage, trusted, others),
        sessions=await refresh_and_lose(stage, trusted),
        credit=await let_a_merchant_ask(stage, (others or [trusted])[0]),
    )


async def compare(stage: Stage, met: Met, game: cards.Game, accepted: int) -> Compared:
    """Compares what people were told with what is there, when the game is over."""
    return Compared(
        await invitations_fulfilled(stage, game, accepted), await messages_compared(stage, met.streamed)
    )


async def part(
    stage: Stage, verification: VerificationFigures, met: Met, compared: Compared
) -> PeopleFigures:
    """The end: somebody leaves for good."""
    return PeopleFigures(
        verification=verification,
        invitations=compared.invitations,
        chat=compared.chat,
        circles=met.circles.figures(),
        sessions=met.sessions,
        credit=met.credit,
        leaving=await leave(stage, met.trusted, (met.others or [met.trusted])[0], met.circles),
    )
