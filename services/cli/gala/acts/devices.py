"""Tokens are refreshed, and a device that somebody has lost is of no use soon."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from services.cli.gala.crowd import everyone
from services.cli.gala.logins import AHEAD_S
from services.cli.gala.people import Player
from services.cli.gala.people_report import REVOKED_MS_MAX, SessionFigures
from services.cli.gala.stage import AT_ONCE, Stage

REFRESHING_EVERY, REFRESHING_MAX = 8, 200
_POLL_S = 0.02


async def refresh_and_lose(stage: Stage, losing: Player) -> SessionFigures:
    """Some apps ask for new tokens; somebody ends the session of a lost device from another one."""
    stage.progress.act = "tokens are refreshed, and a lost device is locked out"
    # A refresh token is good once: those whose login is about to be gone on with anyway are left alone.
    ends_s = time.time() + 2 * AHEAD_S
    asking = [player for player in stage.players if player.first is None and player.token_ends_s > ends_s]
    asking = asking[::REFRESHING_EVERY]
    refreshed = await _refresh(stage, asking[:REFRESHING_MAX])
    return SessionFigures(
        asked=len(asking[:REFRESHING_MAX]),
        refreshed=refreshed,
        revoked=1,
        revoked_ms=await _lose(stage, losing),
    )


async def _refresh(stage: Stage, asking: Sequence[Player]) -> int:
    refreshed: list[Player] = []

    async def refresh(player: Player) -> None:
        known, before = await stage.apps.devices.sessions(player), player.refresh_token
        await stage.phones.stay_in(player)
        # The same session goes on: nobody has signed in anew.
        if player.refresh_token != before and known == await stage.apps.devices.sessions(player):
            refreshed.append(player)

    await everyone(asking, refresh, AT_ONCE)
    return len(refreshed)


async def _lose(stage: Stage, player: Player) -> int:
    """How long calls of the lost device are still taken, milliseconds; -1 when they are never refused."""
    devices = stage.apps.devices
    session_id, lost = await devices.sign_in(player)
    if await devices.refusal(lost):
        return -1
    await devices.end(player, session_id)
    ended_s = time.monotonic()
    while (waited_ms := round((time.monotonic() - ended_s) * 1000)) < 2 * REVOKED_MS_MAX:
        if await devices.refusal(lost) == "TOKEN_REVOKED":
            return waited_ms
        await asyncio.sleep(_POLL_S)
    return -1
