"""Invitations on real databases: whatever comes in between, two real people earn once with each other."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hongbao.social.v1 import events_pb2
from services.mesh.clock import SystemClock
from services.mesh.database.database import Database
from services.social.adapters.feed import SqlFriendshipFeed
from services.social.adapters.invitations.news import InvitationNews
from services.social.adapters.invitations.store import SqlInvitationStore
from services.social.adapters.merges import record_merge
from services.social.adapters.tables import schema
from services.social.domain.invitations.errors import (
    AlreadyVerified,
    InvitationLimitReached,
    InvitedBefore,
    OwnInvitation,
)
from services.social.domain.invitations.invitation import CampaignId, Code, Invitation, State, new_code
from services.social.domain.invitations.ports import InvitationLimits
from services.social.domain.people import PersonEvent, PersonNews, PersonsMerged, PersonVerified
from services.social.domain.ports import ToldEvent
from services.social.domain.relation import PersonId
from services.social.settings import SocialSettings
from tests.integration.people_databases import Abort, database_url, opened

__all__ = ["database_url"]

LIMITS = InvitationLimits(campaigns_max=2, invited_max=50)
SPRING, AUTUMN = CampaignId("spring-2016"), CampaignId("autumn-2016")


@dataclass
class Replica:
    """One process of social, with a handler of news as the service has it."""

    database: Database
    store: SqlInvitationStore
    feed: SqlFriendshipFeed

    async def invite(self, person: PersonId, campaign: CampaignId, limits: InvitationLimits = LIMITS) -> Code:
        code = new_code(lambda count: next(_CODES).to_bytes(count, "big"))
        made = await self.store.create(Invitation(code, person, campaign, 1_000, 0), limits)
        return made.code

    async def hear(self, news: PersonNews, time_ms: int = 2_000) -> None:
        handler = InvitationNews(self.feed)
        event = PersonEvent(1, time_ms, "", news)

        def unit(connection: sa.Connection) -> None:
            if isinstance(news, PersonsMerged):
                record_merge(connection, news, time_ms)
            handler(connection, event)

        await self.database.write(unit)

    async def fulfilled(self, after_seq: int = 0) -> list[events_pb2.InvitationFulfilled]:
        told = await self.feed.read(after_seq, 10_000)
        events = [
            events_pb2.SocialEvent.FromString(one.content) for one in told if isinstance(one, ToldEvent)
        ]
        return [event.invitation_fulfilled for event in events]


_CODES = itertools.count(1)


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[Replica]:
    async with opened(SocialSettings(database_url=url), schema) as database:
        yield Replica(database, SqlInvitationStore(database), SqlFriendshipFeed(database, SystemClock()))


def person(number: int) -> PersonId:
    return PersonId(number)


async def test_both_verified_in_either_order_is_told_once_with_the_later_moment(database_url: str) -> None:
    async with replica(database_url) as social:
        code = await social.invite(person(1), SPRING)
        await social.store.accept(code, person(2), 1_500, LIMITS)
        await social.hear(PersonVerified(person(2)), 2_000)
        assert await social.fulfilled() == []
        await social.hear(PersonVerified(person(1)), 3_000)
        (told,) = await social.fulfilled()
        assert (told.campaign_id, told.inviting_person_id, told.invited_person_id) == (SPRING, 1, 2)
        assert told.fulfilled_at.ToMilliseconds() == 3_000
        (kept,) = await social.store.invited(person(1), SPRING, person(0), 10)
        assert (kept.state, kept.ended_ms) == (State.FULFILLED, 3_000)


async def test_a_pair_earns_once_in_all_campaigns_whoever_of_the_two_invites(database_url: str) -> None:
    async with replica(database_url) as social:
        spring, autumn = await social.invite(person(1), SPRING), await social.invite(person(2), AUTUMN)
        await social.store.accept(spring, person(2), 1_500, LIMITS)
        await social.store.accept(autumn, person(1), 1_500, LIMITS)
        await social.hear(PersonVerified(person(1)))
        await social.hear(PersonVerified(person(2)))
        assert len(await social.fulfilled()) == 1
        (spring_kept,) = await social.store.invited(person(1), SPRING, person(0), 10)
        (autumn_kept,) = await social.store.invited(person(2), AUTUMN, person(0), 10)
        assert {spring_kept.state, autumn_kept.state} == {State.FULFILLED, State.NOT_COUNTED}


async def test_who_was_known_already_was_brought_by_nobody(database_url: str) -> None:
    async with replica(database_url) as social:
        code = await social.invite(person(1), SPRING)
        await social.hear(PersonVerified(person(1)))
        await social.hear(PersonVerified(person(3)))
        await social.store.accept(code, person(2), 1_500, LIMITS)
        await social.hear(PersonsMerged(person(2), person(3)), 2_500)
        (kept,) = await social.store.invited(person(1), SPRING, person(0), 10)
        assert (kept.state, kept.ended_ms) == (State.NOT_COUNTED, 2_500)
        assert await social.fulfilled() == []


async def test_nobody_invites_themselves_through_another_account(database_url: str) -> None:
    """The account that invited turns out to be the person that it invited."""
    async with replica(database_url) as social:
        code = await social.invite(person(1), SPRING)
        await social.store.accept(code, person(2), 1_500, LIMITS)
        await social.hear(PersonVerified(person(2)))
        await social.hear(PersonsMerged(person(1), person(2)))
        (kept,) = await social.store.invited(person(2), SPRING, person(0), 10)
        assert kept.state is State.NOT_COUNTED
        assert await social.fulfilled() == []


async def test_what_a_merged_account_had_asked_for_counts_for_its_person(database_url: str) -> None:
    async with replica(database_url) as social:
        code = await social.invite(person(1), SPRING)
        await social.store.accept(code, person(2), 1_500, LIMITS)
        await social.hear(PersonVerified(person(3)))
        await social.hear(PersonVerified(person(2)))
        await social.hear(PersonsMerged(person(1), person(3)))
        (told,) = await social.fulfilled()
        assert (told.inviting_person_id, told.invited_person_id) == (3, 2)
        # A token of the account lives on for a while: it has the person's invitation.
        assert await social.invite(person(1), SPRING) == code
        assert [known.invited for known in await social.store.invited(person(1), SPRING, person(0), 10)] == [
            2
        ]


async def test_of_two_that_come_at_once_both_get_the_same_code(database_url: str) -> None:
    async with replica(database_url) as one, replica(database_url) as other:
        codes = await asyncio.gather(
            *(social.invite(person(1), SPRING) for social in (one, other) for _ in range(4))
        )
        assert len(set(codes)) == 1
        only_one = InvitationLimits(campaigns_max=1, invited_max=1)
        with pytest.raises(InvitationLimitReached):
            await other.invite(person(1), AUTUMN, only_one)


ACTIONS = st.tuples(
    st.sampled_from(["invite", "accept", "accept", "accept", "verify", "verify", "merge"]),
    st.permutations(range(4)).map(lambda people: people[:2]),
    st.sampled_from([SPRING, AUTUMN]),
)


@dataclass
class Model:
    """What must come of it."""

    verified: set[PersonId] = field(default_factory=set)
    now: dict[PersonId, PersonId] = field(default_factory=dict)
    accepted: dict[tuple[PersonId, CampaignId], list[PersonId]] = field(default_factory=dict)
    """By invited person: who invited, as a list so that merges change it; empty once it is settled."""
    rewards: set[frozenset[PersonId]] = field(default_factory=set)

    def settle(self) -> None:
        for (invited, _), inviting in self.accepted.items():
            if inviting == [invited] or invited in self.now:
                inviting.clear()
            if inviting and {invited, inviting[0]} <= self.verified:
                self.rewards.add(frozenset({invited, inviting[0]}))
                inviting.clear()


@given(actions=st.lists(ACTIONS, min_size=6, max_size=24), cut=st.sets(st.integers(1, 12), max_size=3))
@settings(max_examples=8, deadline=None)
def test_rewards_are_those_of_pairs_that_are_real_whatever_comes_in_between(
    actions: Sequence[tuple[str, list[int], CampaignId]], cut: set[int]
) -> None:
    async def play(folder: Path) -> None:
        async with replica(f"sqlite:{folder}") as one, replica(f"sqlite:{folder}") as other:
            Abort(one.database._engine, before=cut, after=set())
            await _play(itertools.cycle((one, other)), actions)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))


async def _play(replicas: Iterator[Replica], actions: Sequence[tuple[str, list[int], CampaignId]]) -> None:
    model, codes = Model(), dict[tuple[PersonId, CampaignId], Code]()
    for action, (first, second), campaign in actions:
        social, one, two = next(replicas), person(first + 1), person(second + 1)
        real = model.now.get(one, one)
        if action == "invite":
            codes[one, campaign] = await social.invite(one, campaign)
        elif action == "accept" and (one, campaign) in codes:
            known = (two, campaign) in model.accepted
            is_new = not known and model.now.get(two, two) not in {real, *model.verified}
            try:
                await social.store.accept(codes[one, campaign], two, 1_500, LIMITS)
            except (AlreadyVerified, InvitedBefore, OwnInvitation):
                assert not is_new
            else:
                assert is_new or known
                model.accepted.setdefault((two, campaign), [real])
        elif action == "verify" and one not in model.verified | set(model.now):
            model.verified.add(one)
            await social.hear(PersonVerified(one))
        elif action == "merge" and two in model.verified and one not in model.verified | set(model.now):
            model.now[one] = two
            for inviting in model.accepted.values():
                inviting[:] = [two if who == one else who for who in inviting]
            await social.hear(PersonsMerged(one, two))
        model.settle()
    told = await next(replicas).fulfilled()
    pairs = [frozenset({PersonId(one.inviting_person_id), PersonId(one.invited_person_id)}) for one in told]
    assert len(pairs) == len(set(pairs))
    assert set(pairs) == model.rewards
