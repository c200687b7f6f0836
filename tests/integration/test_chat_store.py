"""Messages on real databases: gapless, in order, exactly once, whatever is written and aborted at once."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from services.mesh.clock import ManualClock
from services.social.adapters.chat.purging import Purge
from services.social.adapters.chat.tables import messages
from services.social.domain.chat.errors import ChatOverloaded, InboxPurged, MessageUnknown
from services.social.domain.chat.message import Conversation, Entry, Kept, Text
from services.social.domain.errors import RequestIdReused
from services.social.domain.relation import PersonId
from tests.integration.chat_replicas import GROUP, REQUESTS, Replica, draft, listed, pair, replicas
from tests.integration.people_databases import Abort, database_url

__all__ = ["database_url"]

EVERYBODY = frozenset(map(PersonId, (1, 2, 3)))
PLACES = [pair(1, 2), pair(2, 3), Conversation.of_group(GROUP)]
GROUPS = {GROUP: EVERYBODY}


@dataclass(slots=True)
class Model:
    """What has been accepted, whatever replica said so."""

    kept: dict[tuple[int, str], tuple[Conversation, str, Kept]] = field(default_factory=dict)
    read: dict[tuple[int, Conversation], int] = field(default_factory=dict)

    def accept(self, sender: int, place: Conversation, request: str, words: str, kept: Kept) -> None:
        known = self.kept.setdefault((sender, request), (place, words, kept))
        assert known == (place, words, kept), "a repeat is the same message"

    def marked(self, person: int, place: Conversation, seq: int) -> None:
        self.read[person, place] = max(self.read.get((person, place), 0), seq)


SENDS = st.tuples(
    st.just("send"), st.integers(1, 3), st.sampled_from(PLACES), st.sampled_from(REQUESTS), st.integers(0, 1)
)
MARKS = st.tuples(
    st.just("mark"), st.integers(1, 3), st.sampled_from(PLACES), st.integers(1, 6), st.integers(0, 1)
)
COMMITS = st.sets(st.integers(1, 9), max_size=3)


def takes_part(person: int, place: Conversation) -> bool:
    return place.group_id is not None or person in (place.low, place.high)


Action = tuple[str, int, Conversation, str | int, int]


async def attempt(replica: Replica, model: Model, action: Action) -> None:
    way, person, place, which, _ = action
    if not takes_part(person, place):
        return
    if way == "send":
        words = f"{person} says {which}"
        try:
            kept = await replica.messages.send(draft(person, place, words, str(which)))
        except RequestIdReused:
            return
        model.accept(person, place, str(which), words, kept)
        return
    try:
        position = await replica.messages.mark(PersonId(person), place, int(which))
    except MessageUnknown:
        return
    assert position.read_seq >= int(which)
    model.marked(person, place, int(which))


async def check_whole(replica: Replica, model: Model) -> None:
    """What must hold at any moment when nothing is under way."""
    by_place = dict[Conversation, dict[int, tuple[int, str]]]()
    for (sender, _), (place, words, kept) in model.kept.items():
        by_place.setdefault(place, {})[kept.seq] = (sender, words)
    for place, said in by_place.items():
        assert sorted(said) == list(range(1, len(said) + 1)), "a conversation has no gaps"
        for person in (person for person in EVERYBODY if takes_part(person, place)):
            page = await replica.messages.list(person, place, 0, 200, "", newest_first=False)
            assert [(known.seq, known.sender, known.content) for known in page.messages] == [
                (seq, sender, Text(words)) for seq, (sender, words) in sorted(said.items())
            ]
    for person in EVERYBODY:
        await check_timeline(replica, model, person)


async def check_timeline(replica: Replica, model: Model, person: PersonId) -> None:
    mine = {place: 0 for place in PLACES if takes_part(person, place)}
    entries = (await replica.messages.read(person, 0, 500)).timeline.entries
    assert [entry.inbox_seq for entry in entries] == list(range(1, len(entries) + 1))
    for entry in entries:
        mine[entry.message.conversation] += 1
        assert entry.message.seq == mine[entry.message.conversation], "in order, none missed, none twice"
    assert len(entries) == sum(place in mine for place, _, _ in model.kept.values())
    page = await replica.messages.conversations(person, 100, "")
    for thread in page.threads:
        place = thread.last_message.conversation
        read = model.read.get((person, place), 0)
        assert thread.read_seq == read
        assert thread.unread == sum(
            known == place and kept.seq > read and sender != person
            for (sender, _), (known, _, kept) in model.kept.items()
        )
    assert page.unread_total == sum(thread.unread for thread in page.threads)


@settings(max_examples=12, deadline=None)
@given(st.lists(SENDS | MARKS, min_size=1, max_size=14), COMMITS, COMMITS)
def test_numbers_have_no_gaps_and_nothing_is_lost_or_twice_whatever_is_done_and_aborted(
    actions: list[Action], before: set[int], after: set[int]
) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with replicas(f"sqlite:{folder}", Path(folder) / "key", 2, groups=GROUPS) as two:
                Abort(two[0].engine, before, after)
                model = Model()
                await asyncio.gather(*(attempt(two[action[-1]], model, action) for action in actions))
                await check_whole(two[1], model)

    asyncio.run(play())


async def test_replicas_that_write_at_once_leave_no_gaps(database_url: str, tmp_path: Path) -> None:
    async with replicas(database_url, tmp_path / "key", 2, groups=GROUPS) as two:
        Abort(two[0].engine, before={3}, after={5})
        model, actions = Model(), list[Action]()
        for number in range(60):
            person, place = 1 + number % 3, PLACES[(number // 2) % 3]
            request = str(uuid.UUID(int=1000 + number, version=4))
            # Each is sent to both replicas, as by an app that has lost an answer.
            actions += [("send", person, place, request, 0), ("send", person, place, request, 1)]
            actions.append(("mark", person, place, 1 + number // 6, number % 2))
        # One replica in the other's opposite order: whoever waits, waits in no circle.
        halves = (
            [action for action in actions if action[-1] == 0],
            [action for action in actions if action[-1]],
        )
        await asyncio.gather(
            *(attempt(two[0], model, action) for action in halves[0]),
            *(attempt(two[1], model, action) for action in reversed(halves[1])),
        )
        assert len(model.kept) == 50
        await check_whole(two[0], model)
        await check_whole(two[1], model)


async def follow(replica: Replica, person: PersonId, after: int, until: int) -> list[Entry]:
    found = list[Entry]()
    async with asyncio.timeout(60):
        async for shown in replica.messages.watch(person, after, 3):
            found += shown.timeline.entries
            if found and found[-1].inbox_seq >= until:
                return found
    return found


async def test_streams_that_are_cut_and_resumed_tell_each_message_once_and_in_order(
    database_url: str, tmp_path: Path
) -> None:
    async with replicas(database_url, tmp_path / "key", 2, groups=GROUPS) as two:
        looking = [asyncio.ensure_future(replica.inboxes.run()) for replica in two]

        async def reader(person: PersonId) -> list[Entry]:
            """Goes to the other replica after every few entries."""
            seen = list[Entry]()
            for turn in range(1, 5):
                seen += await follow(two[turn % 2], person, len(seen), 10 * turn)
            return seen

        readers = [asyncio.ensure_future(reader(person)) for person in sorted(EVERYBODY)]
        await asyncio.gather(
            *(
                two[number % 2].messages.send(
                    draft(1 + number % 3, PLACES[2], f"{number}", str(uuid.UUID(int=number, version=4)))
                )
                for number in range(40)
            )
        )
        told = await asyncio.gather(*readers)
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        for seen in told:
            assert [entry.inbox_seq for entry in seen] == list(range(1, len(seen) + 1))
            assert [entry.message.seq for entry in seen] == list(range(1, len(seen) + 1))
            assert len(seen) == 40


async def test_people_who_come_and_go_have_what_was_sent_while_they_were_there(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", tmp_path / "key", 1, groups=GROUPS) as (one,):

        async def say(number: int) -> None:
            await one.messages.send(draft(1, PLACES[2], f"{number}", REQUESTS[number]))

        await say(0)
        one.people.groups[GROUP] = frozenset(map(PersonId, (1, 2)))
        await say(1)
        one.people.groups[GROUP] = EVERYBODY
        await say(2)
        page = await one.messages.list(PersonId(3), PLACES[2], 0, 0, "", newest_first=True)
        assert [known.seq for known in page.messages] == [3, 1]
        threads = await one.messages.conversations(PersonId(3), 0, "")
        assert (threads.threads[0].unread, threads.unread_total) == (2, 2)
        assert (await one.messages.mark(PersonId(3), PLACES[2], 2)).unread == 1
        assert [entry.inbox_seq for entry in await follow(one, PersonId(3), 0, 2)] == [1, 2]


async def test_pages_together_are_the_whole_conversation_both_ways(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", tmp_path / "key", 1) as (one,):
        for number in range(7):
            await one.messages.send(draft(1 + number % 2, pair(1, 2), "x", REQUESTS[number]))
        for newest_first, expected in ((True, [7, 6, 5, 4, 3, 2, 1]), (False, [1, 2, 3, 4, 5, 6, 7])):
            listed, token = list[int](), ""
            while True:
                page = await one.messages.list(
                    PersonId(1), pair(1, 2), 0, 3, token, newest_first=newest_first
                )
                listed += [known.seq for known in page.messages]
                token = page.next_page_token
                if not token:
                    break
            assert listed == expected
        others = [await one.messages.send(draft(1, pair(1, 3), "x", REQUESTS[7]))]
        assert others[0].seq == 1
        first = await one.messages.conversations(PersonId(1), 1, "")
        second = await one.messages.conversations(PersonId(1), 1, first.next_page_token)
        assert [page.threads[0].last_message.conversation for page in (first, second)] == [
            pair(1, 3),
            pair(1, 2),
        ]
        assert second.next_page_token == ""


async def test_what_is_too_old_goes_from_every_timeline_and_is_not_unread(
    database_url: str, tmp_path: Path
) -> None:
    clock = ManualClock()
    async with replicas(database_url, tmp_path / "key", 1, groups=GROUPS, clock=clock) as (one,):
        for number in range(4):
            await one.messages.send(draft(2, PLACES[number % 3], "old", REQUESTS[number]))
        await clock.advance(100)
        await one.messages.send(draft(1, PLACES[0], "new", REQUESTS[5]))
        purge = Purge(one.chat.database, clock, keep_ms=50_000, batch_messages=2, pause_s=1)
        assert await purge.all() == 4
        assert await purge.all() == 0
        timeline = (await one.messages.read(PersonId(2), 0, 0)).timeline
        assert [(entry.inbox_seq, entry.message.content) for entry in timeline.entries] == [(5, Text("new"))]
        with pytest.raises(InboxPurged):
            await one.messages.read(PersonId(2), 1, 0)
        page = await one.messages.conversations(PersonId(2), 0, "")
        assert [(thread.unread, thread.last_message.seq) for thread in page.threads] == [(1, 3)]
        assert page.unread_total == 1


async def test_what_is_not_yet_due_stays_in_its_timeline_when_later_entries_go(
    database_url: str, tmp_path: Path
) -> None:
    """As after a merge, or when clocks of replicas differ: the first message is the youngest."""
    clock, young, old = ManualClock(), pair(1, 2), pair(2, 3)
    async with replicas(database_url, tmp_path / "key", 1, clock=clock) as (one,):
        database = one.chat.database
        for number, (sender, place) in enumerate(((1, young), (3, old), (1, young), (3, old))):
            await one.messages.send(draft(sender, place, f"{number}", REQUESTS[number]))
        made_young = sa.update(messages).where(messages.c.low_id == 1).values(kept_ms=clock.now_ms() + 99_000)
        await database.write(lambda connection: connection.execute(made_young))
        await clock.advance(100)
        await one.messages.send(draft(3, old, "new", REQUESTS[5]))
        assert await Purge(database, clock, keep_ms=50_000, batch_messages=9, pause_s=1).all() == 2
        entries = await follow(one, PersonId(2), 0, 5)
        assert [(entry.inbox_seq, entry.message.content) for entry in entries] == [
            (3, Text("0")),
            (4, Text("2")),
            (5, Text("new")),
        ]
        page = await one.messages.conversations(PersonId(2), 0, "")
        assert [thread.last_inbox_seq for thread in page.threads] == [5, 4]
        assert await listed(one, 2, young) == [(1, 1, "0"), (2, 1, "2")]


async def test_reads_over_the_limit_are_refused_with_a_delay(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", tmp_path / "key", 1, reads_max=2) as (one,):
        answers = await asyncio.gather(
            *(one.messages.read(PersonId(1), 0, 0) for _ in range(100)), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, BaseException)]
        assert refused
        assert all(isinstance(answer, ChatOverloaded) and answer.retry_delay_ms for answer in refused)
        assert len(refused) < 100


async def test_no_more_streams_than_there_may_be(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", tmp_path / "key", 1, watchers_max=1) as (one,):
        first = one.messages.watch(PersonId(1), 0, 0)
        await anext(first)
        with pytest.raises(ChatOverloaded):
            await anext(one.messages.watch(PersonId(1), 0, 0))
        await first.aclose()
        again = one.messages.watch(PersonId(1), 0, 0)
        assert (await anext(again)).timeline.last_inbox_seq == 0
        await again.aclose()
