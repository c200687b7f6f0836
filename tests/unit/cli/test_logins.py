from __future__ import annotations

import asyncio
import time

import pytest

from services.cli.gala.logins import AHEAD_S, ending, staying_in
from services.cli.gala.people import Player


def player(number: int, ends_in_s: float) -> Player:
    made = Player(number, "王芳", "11010519491231002X", "13800138000")
    made.token, made.token_ends_s = "token", int(time.time() + ends_in_s)
    return made


def test_tokens_that_end_soon_are_refreshed_and_others_are_left_alone() -> None:
    soon, late, out = player(1, AHEAD_S - 30), player(2, AHEAD_S + 30), player(3, 0)
    out.token = ""
    assert ending([soon, late, out], time.time()) == [soon]


async def test_everybody_stays_in_while_the_evening_lasts() -> None:
    soon, late = player(1, 10), player(2, AHEAD_S + 60)
    refreshed, is_done = [], asyncio.Event()

    async def stay_in(one: Player) -> None:
        refreshed.append(one.number)
        is_done.set()

    async with staying_in([soon, late], stay_in):
        await asyncio.wait_for(is_done.wait(), 30)
    assert refreshed == [1]


async def test_what_keeps_people_from_staying_in_is_not_hidden() -> None:
    async def stay_in(one: Player) -> None:
        raise LookupError(one.number)

    async def play() -> None:
        async with staying_in([player(1, 10)], stay_in):
            for _ in range(10):
                await asyncio.sleep(0)

    with pytest.raises(LookupError):
        await play()
