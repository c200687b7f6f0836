"""Lists of relations on real databases: whole page by page, bounded, and looked up without reading more."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.social.adapters.standings import _BY_VALUES
from services.social.domain.errors import BlockLimitReached, FriendLimitReached, RequestLimitReached
from services.social.domain.friendships import other_side
from services.social.domain.ports import Limits
from services.social.domain.relation import PersonId
from tests.integration.people_databases import database_url
from tests.integration.social_replicas import blocked_by, make_friends, replicas, whole_feed

__all__ = ["database_url"]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_pages_together_are_the_whole_list(size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    async with replicas(f"sqlite:{tmp_path_factory.mktemp('pages')}", 1) as (replica,):
        others = [3, 4, 5, 7, 8, 2**63 - 1]
        for other in others:
            await make_friends(replica, 6, other)
        listed: list[int] = []
        token = ""
        while True:
            page = await replica.friendships.friends(PersonId(6), size, token)
            listed += [other_side(known, PersonId(6)) for known in page.relations]
            token = page.next_page_token
            if not token:
                break
        assert listed == others


async def test_pages_of_blocked_people_together_are_the_whole_list(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        await make_friends(replica, 6, 7)
        for other in (9, 1, 7, 5):
            await replica.friendships.block(PersonId(6), PersonId(other), "")
        # Who is blocked by others, by both, or was declined before, is told apart.
        await replica.friendships.block(PersonId(8), PersonId(6), "")
        await replica.friendships.block(PersonId(9), PersonId(6), "")
        await replica.friendships.ask(PersonId(6), PersonId(2), "")
        await replica.friendships.decline(PersonId(2), PersonId(6))
        await replica.friendships.block(PersonId(6), PersonId(2), "")
        listed, token = list[int](), ""
        while len(listed) < 9:
            page = await replica.friendships.blocked(PersonId(6), 2, token)
            listed += [other_side(known, PersonId(6)) for known in page.relations]
            token = page.next_page_token
            if not token:
                break
        assert listed == [1, 2, 5, 7, 9]


async def test_limits_hold_for_requests_made_at_once(database_url: str) -> None:
    async with replicas(database_url, 2, Limits(friends_max=3, requests_max=4, blocked_max=5)) as pair:
        asked = await asyncio.gather(
            *(pair[turn % 2].friendships.ask(PersonId(1), PersonId(10 + turn), "") for turn in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, RequestLimitReached) for answer in asked) == 6
        for turn in range(10):
            await pair[0].friendships.ask(PersonId(30 + turn), PersonId(2), "")
        accepted = await asyncio.gather(
            *(pair[turn % 2].friendships.accept(PersonId(2), PersonId(30 + turn), "") for turn in range(10)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, FriendLimitReached) for answer in accepted) == 7
        assert len(await whole_feed(pair[0])) == 3


async def test_the_limit_of_blocked_people_holds_for_blocks_made_at_once(database_url: str) -> None:
    async with replicas(database_url, 2, Limits(friends_max=3, requests_max=4, blocked_max=5)) as pair:
        blocked = await asyncio.gather(
            *(pair[turn % 2].friendships.block(PersonId(1), PersonId(10 + turn), "") for turn in range(8)),
            return_exceptions=True,
        )
        assert sum(isinstance(answer, BlockLimitReached) for answer in blocked) == 3
        assert len(await blocked_by(pair[0], PersonId(1))) == 5


async def test_a_thousand_pairs_are_looked_at_together(database_url: str) -> None:
    async with replicas(database_url, 1) as (replica,):
        await make_friends(replica, 1, 2)
        await make_friends(replica, 2, 1024)
        await replica.friendships.block(PersonId(2000), PersonId(2), "")
        pairs = [(PersonId(2), PersonId(other)) for other in (*range(1, 1024), 2000)]
        standings = await replica.friendships.standings(pairs)
        assert [pairs[place][1] for place, standing in enumerate(standings) if standing.are_friends] == [1]
        assert [pairs[place][1] for place, standing in enumerate(standings) if standing.is_blocked] == [2000]


async def test_looking_at_pairs_reads_no_relation_that_was_not_asked_for(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", 1) as (replica,):
        with replica.engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {_BY_VALUES[8]}", (1, 2) * 8)
            steps = [step.detail for step in plan if "known" in step.detail]
    assert steps == ["SEARCH known USING PRIMARY KEY (low_person_id=? AND high_person_id=?)"]
