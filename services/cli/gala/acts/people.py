"""Act one: people register, most prove who they are, and make friends."""

from __future__ import annotations

from services.cli.gala.crowd import everyone
from services.cli.gala.people import Player, invent_friendships
from services.cli.gala.stage import AT_ONCE, Stage


async def sign_up(stage: Stage) -> None:
    """Everybody gets an account and holds a token; all but a few are verified."""
    stage.progress.act = "people register and verify"

    async def arrive(player: Player) -> None:
        await stage.phones.sign_up(player)
        stage.progress.people_verified += player.is_verified

    await everyone(stage.players, arrive, AT_ONCE)


async def make_friends(stage: Stage) -> None:
    """Everybody asks a few others, who accept; each friendship earns both a card."""
    stage.progress.act = "people make friends"
    evening = stage.evening
    pairs = invent_friendships(
        evening.people, evening.friends_per_person, f"{evening.seed}:{evening.campaign_id}:friends"
    )
    stage.progress.friendships_planned = len(pairs)

    async def befriend(pair: tuple[int, int]) -> None:
        asking, asked = stage.players[pair[0]], stage.players[pair[1]]
        await stage.phones.befriend(asking, asked)
        stage.friends.setdefault(asking.number, []).append(asked)
        stage.friends.setdefault(asked.number, []).append(asking)
        stage.progress.friendships += 1

    await everyone(pairs, befriend, AT_ONCE)
