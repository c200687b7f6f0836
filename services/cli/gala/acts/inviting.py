"""Part of act one: people bring others into the campaign, and both get a card."""

from __future__ import annotations

import asyncio
from collections import Counter

from hongbao.cards.v1 import cards_pb2 as cards
from hongbao.cards.v1 import events_pb2 as cards_events
from hongbao.cards.v1 import figures_pb2, figures_pb2_grpc
from services.cli.gala.crowd import everyone, within
from services.cli.gala.people import Player
from services.cli.gala.people_report import InvitationFigures
from services.cli.gala.stage import AT_ONCE, Stage

FULFILMENT_TIMEOUT_S = 60.0
"""The longest that social may take to hear who was verified, seconds."""
POLL_S = 0.2


async def invite(stage: Stage) -> int:
    """Whoever was invited accepts while unknown, and is verified then; how many did."""
    stage.progress.act = "people invite others"
    guests = [player for player in stage.players if player.inviting is not None]

    async def come(guest: Player) -> None:
        if guest.inviting is None:
            return
        code = await stage.apps.inviting.invite(guest.inviting)
        await stage.apps.inviting.accept(guest, code)
        await stage.phones.verify(guest)
        stage.progress.people_verified += 1

    await everyone(guests, come, AT_ONCE)
    return len(guests)


async def invitations_fulfilled(stage: Stage, game: cards.Game, accepted: int) -> InvitationFigures:
    """What inviting has earned, by the lists of who invited and by the record of the game."""
    hosts = Counter(player.inviting.number for player in stage.players if player.inviting is not None)
    fulfilled: list[int] = []

    async def look(turn: tuple[int, int]) -> None:
        number, guests = turn
        host = stage.players[number]
        async with within(FULFILMENT_TIMEOUT_S, f"an invitation of person {host.person_id} is not fulfilled"):
            while True:
                found = await stage.apps.inviting.fulfilled(host)
                if found >= guests:
                    break
                await asyncio.sleep(POLL_S)
        fulfilled.append(found)

    await everyone(list(hosts.items()), look, AT_ONCE)
    return InvitationFigures(accepted, sum(fulfilled), await _dealt(stage, game))


async def _dealt(stage: Stage, game: cards.Game) -> int:
    request = figures_pb2.GetFiguresRequest(campaign_id=game.campaign_id)
    answer = await stage.operator.at_cards(
        stage.operator.cards_home(game.campaign_id),
        lambda channel, timeout_s: figures_pb2_grpc.FiguresServiceStub(channel).GetFigures(
            request, timeout=timeout_s
        ),
    )
    return sum(
        source.dealt
        for source in answer.figures.sources
        if source.source == cards_events.CARD_SOURCE_INVITATION
    )
