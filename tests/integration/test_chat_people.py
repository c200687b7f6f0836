"""What people wrote, once they are erased or turn out to be somebody else, and under another master key."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path

import pytest

from services.mesh.clock import ManualClock, SystemClock
from services.mesh.errors import ServiceError
from services.mesh.keys.masters import rotate_file
from services.social.adapters.chat.news import forget_erased, move_merged
from services.social.domain.chat.message import Conversation, Kept, Text
from services.social.domain.errors import RequestIdReused
from services.social.domain.people import PersonErased, PersonEvent, PersonsMerged
from services.social.domain.relation import PersonId
from tests.integration.chat_replicas import GROUP, REQUESTS, Replica, draft, listed, pair, replicas
from tests.integration.people_databases import database_url

__all__ = ["database_url"]

IN_GROUP = Conversation.of_group(GROUP)


def words_on_disk(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def test_words_lie_sealed_and_open_nowhere_once_their_writer_is_erased(tmp_path: Path) -> None:
    async with replicas(f"sqlite:{tmp_path}", tmp_path / "key", 1) as (one,):
        await one.messages.send(draft(1, pair(1, 2), "secret words", REQUESTS[0]))
        await one.messages.send(draft(2, pair(1, 2), "other words", REQUESTS[1]))
        on_disk = words_on_disk(tmp_path)
        assert [text for text in (b"secret words", b"other words") if text in on_disk] == []
        await erase(one, 1)
        page = await one.messages.list(PersonId(2), pair(1, 2), 0, 0, "", newest_first=False)
        assert [known.content for known in page.messages] == [None, Text("other words")]
        with pytest.raises(ServiceError, match="RECORD_ERASED"):
            await one.messages.send(draft(1, pair(1, 2), "more", REQUESTS[2]))


async def test_who_comes_back_after_being_erased_writes_again_and_what_went_stays_gone(
    database_url: str, tmp_path: Path
) -> None:
    clock = ManualClock()
    place = pair(1, 2)
    async with replicas(database_url, tmp_path / "key", 2, clock=clock) as both:
        await both[0].messages.send(draft(1, place, "gone", REQUESTS[0]))
        for _ in range(2):
            await erase(both[0], 1)
        await clock.advance(50)
        with pytest.raises(ServiceError, match="RECORD_ERASED"):
            await both[1].messages.send(draft(1, place, "by a token of before", REQUESTS[1]))
        await clock.advance(20)
        words = ["back", "again"]
        sent = (one.messages.send(draft(1, place, text, text)) for one, text in zip(both, words, strict=True))
        await asyncio.gather(*sent)
        assert {said for _, _, said in await listed(both[0], 2, place)} == {None, *words}
        # An operator's words about them would not have brought them back.
        await erase(both[0], 1)
        await clock.advance(3_600)
        with pytest.raises(ServiceError, match="RECORD_ERASED"):
            await both[0].chat.texts.seal_about(PersonId(1), "decision/1", "words")


async def test_words_open_under_a_new_master_key_once_their_keys_have_moved(tmp_path: Path) -> None:
    keys = tmp_path / "key"
    async with replicas(f"sqlite:{tmp_path}", keys, 1) as (one,):
        await one.messages.send(draft(1, pair(1, 2), "old words", REQUESTS[0]))
        earlier = keys.read_text()
        rotate_file(keys)
        assert await one.chat.rotation.step(0) == 2
        assert await one.chat.rotation.step(0) == 0
        await one.messages.send(draft(2, pair(1, 2), "new words", REQUESTS[1]))
    keys.write_text(keys.read_text().replace(earlier, ""))
    async with replicas(f"sqlite:{tmp_path}", keys, 1) as (one,):
        page = await one.messages.list(PersonId(2), pair(1, 2), 0, 0, "", newest_first=False)
        assert [known.content for known in page.messages] == [Text("old words"), Text("new words")]


async def test_what_a_person_wrote_and_received_goes_to_who_they_turn_out_to_be(
    database_url: str, tmp_path: Path
) -> None:
    people = frozenset(map(PersonId, (1, 2, 7)))
    async with replicas(database_url, tmp_path / "key", 1, groups={GROUP: people}) as (one,):
        numbers = iter(range(100))

        async def say(sender: int, place: Conversation, words: str) -> Kept:
            request = str(uuid.UUID(int=next(numbers), version=4))
            return await one.messages.send(draft(sender, place, words, request))

        # Person 1 will turn out to be person 7, who knows person 2 as well; person 3 knows only person 1.
        for sender, place, words in (
            (7, pair(2, 7), "a"),
            (2, pair(2, 7), "b"),
            (2, pair(1, 2), "c"),
            (1, pair(1, 2), "d"),
            (3, pair(1, 3), "e"),
            (2, IN_GROUP, "f"),
            (1, IN_GROUP, "g"),
        ):
            await say(sender, place, words)
        await one.messages.mark(PersonId(2), pair(2, 7), 1)
        await merge(one, 1, 7)
        await merge(one, 1, 7)
        told = await listed(one, 7, pair(2, 7))
        assert told == [(1, 7, "a"), (2, 2, "b"), (3, 2, "c"), (4, 7, "d")]
        assert await listed(one, 2, pair(2, 7)) == told
        assert await listed(one, 7, pair(3, 7)) == [(1, 3, "e")]
        assert await listed(one, 3, pair(3, 7)) == [(1, 3, "e")]
        assert await listed(one, 7, IN_GROUP) == [(1, 2, "f"), (2, 7, "g")]
        timeline = (await one.messages.read(PersonId(7), 0, 0)).timeline
        assert [entry.inbox_seq for entry in timeline.entries] == list(range(1, 8))
        assert (await one.messages.read(PersonId(1), 0, 0)).timeline.entries == ()
        unread = await one.messages.conversations(PersonId(2), 0, "")
        assert {thread.last_message.conversation: thread.unread for thread in unread.threads} == {
            pair(2, 7): 1,
            IN_GROUP: 1,
        }
        # What comes for the earlier number arrives where the person is by now, and numbers go on.
        assert (await say(2, pair(1, 2), "h")).seq == 5
        assert (await say(1, pair(1, 3), "i")).seq == 2
        assert await listed(one, 3, pair(3, 7)) == [(1, 3, "e"), (2, 7, "i")]
        timeline = (await one.messages.read(PersonId(7), 7, 0)).timeline
        assert [entry.inbox_seq for entry in timeline.entries] == [8, 9]
        assert (await one.messages.mark(PersonId(7), pair(2, 7), 5)).unread == 0
        await erase(one, 7)
        assert await listed(one, 2, pair(2, 7)) == [
            (1, 7, None),
            (2, 2, "b"),
            (3, 2, "c"),
            (4, 7, None),
            (5, 2, "h"),
        ]


async def test_a_repeat_is_the_same_message_also_once_its_sender_turned_out_to_be_another(
    database_url: str, tmp_path: Path
) -> None:
    async with replicas(
        database_url, tmp_path / "key", 1, groups={GROUP: frozenset(map(PersonId, (1, 2, 7)))}
    ) as (one,):
        kept = [
            await one.messages.send(draft(1, place, "said", request))
            for place, request in zip((pair(1, 2), IN_GROUP), REQUESTS, strict=False)
        ]
        await merge(one, 1, 7)
        for strangers in (frozenset[PersonId](), frozenset((PersonId(2),))):
            one.people.strangers = strangers
            for number, place in enumerate((pair(2, 7), IN_GROUP)):
                again = await one.messages.send(draft(7, place, "said", REQUESTS[number]))
                assert again == kept[number]
            with pytest.raises(RequestIdReused):
                await one.messages.send(draft(7, pair(2, 7), "otherwise", REQUESTS[0]))
        assert await listed(one, 2, pair(2, 7)) == [(1, 7, "said")]
        assert await listed(one, 2, IN_GROUP) == [(1, 7, "said")]


async def test_nothing_is_lost_that_is_sent_while_a_person_turns_out_to_be_another(
    database_url: str, tmp_path: Path
) -> None:
    async with replicas(database_url, tmp_path / "key", 2) as two:
        sends = [
            two[number % 2].messages.send(
                draft(1 + number % 2, pair(1, 2), f"{number}", str(uuid.UUID(int=number, version=4)))
            )
            for number in range(30)
        ]
        await asyncio.gather(*sends[:10], merge(two[1], 1, 7), *sends[10:])
        for person, place in ((7, pair(2, 7)), (2, pair(2, 7))):
            said = await listed(two[0], person, place)
            assert [seq for seq, _, _ in said] == list(range(1, 31))
            assert {words for _, _, words in said} == {f"{number}" for number in range(30)}
            assert {sender for _, sender, _ in said} == {2, 7}
            timeline = (await two[1].messages.read(PersonId(person), 0, 0)).timeline
            assert [entry.inbox_seq for entry in timeline.entries] == list(range(1, 31))
        assert (await two[0].messages.read(PersonId(1), 0, 0)).timeline.entries == ()
        page = await two[0].messages.conversations(PersonId(7), 0, "")
        assert [thread.unread for thread in page.threads] == [15]


async def erase(replica: Replica, person: int) -> None:
    hear = forget_erased(replica.chat.texts)
    event = PersonEvent(2, 0, "", PersonErased(PersonId(person)))
    after = await replica.chat.database.write(lambda connection: hear(connection, event))
    assert after is not None
    after()


async def merge(replica: Replica, before: int, now: int) -> None:
    hear = move_merged(SystemClock(), lambda _newest: None)
    event = PersonEvent(1, 0, "", PersonsMerged(PersonId(before), PersonId(now)))
    await replica.chat.database.write(lambda connection: hear(connection, event))
