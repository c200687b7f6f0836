from __future__ import annotations

import asyncio

import pytest

from services.cli.gala.crowd import Overdue, everyone, together, within


async def test_everyone_has_their_turn_and_never_more_than_allowed_at_once() -> None:
    acting, most, done = 0, 0, []

    async def act(person: int) -> None:
        nonlocal acting, most
        acting += 1
        most = max(most, acting)
        await asyncio.sleep(0)
        acting -= 1
        done.append(person)

    await everyone(range(50), act, at_once=7)
    assert sorted(done) == list(range(50))
    assert most == 7


async def test_the_first_error_ends_the_others_and_is_raised_as_it_is() -> None:
    ended = asyncio.Event()

    async def wait_for_ever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError("nobody there")

    with pytest.raises(LookupError, match="nobody there"):
        await together([wait_for_ever(), fail()])
    assert ended.is_set()


async def test_what_does_not_come_in_time_is_named() -> None:
    with pytest.raises(Overdue, match=r"after 0 s round-1 is still not closed; see `hongbao shards`"):
        async with within(0.0, "round-1 is still not closed"):
            await asyncio.Event().wait()
