"""Positions moved at the same moment as something else: what is unread is what was not read."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from services.mesh.clock import SystemClock
from services.social.adapters.chat import batch
from services.social.adapters.chat.batch import Sealed
from services.social.adapters.chat.contents import PACKET
from services.social.adapters.chat.marks import Mark
from services.social.adapters.chat.news import move_merged
from services.social.domain.chat.message import Conversation, Position
from services.social.domain.group import GroupId
from services.social.domain.people import PersonEvent, PersonsMerged
from services.social.domain.relation import PersonId
from tests.integration.chat_replicas import draft, pair, replicas
from tests.integration.same_moment import waits_for

ANNA, BAO, GUEST = (PersonId(number) for number in (1, 2, 7))
GROUP = Conversation.of_group(GroupId(9))


async def test_a_total_is_never_of_before_the_mark_that_was_further(
    postgres_url: str, tmp_path: Path
) -> None:
    place, told = pair(ANNA, BAO), list[Position]()
    async with replicas(postgres_url, tmp_path / "key", 2) as (one, two):
        await one.messages.send(draft(BAO, place, "first", "first"))
        second = Sealed(
            99, "second", place, BAO, BAO, PACKET, b"2", bytes(16), (ANNA, BAO), lambda _: (98, b"")
        )

        def sent_and_read(connection: sa.Connection) -> object:
            return batch.write(connection, [second], [Mark(ANNA, place, 2)], 0)

        async def read_the_first() -> None:
            told.append(await two.messages.mark(ANNA, place, 1))

        assert await waits_for(
            read_the_first, one.chat.database, lambda: one.chat.database.write(sent_and_read)
        )
    assert told == [Position(read_seq=2, unread=0)]


async def test_a_mark_while_two_become_one_counts_by_what_is_from_others_then(
    postgres_url: str, tmp_path: Path
) -> None:
    groups = {GroupId(9): frozenset((ANNA, BAO, GUEST))}
    hear = move_merged(SystemClock(), lambda _newest: None)
    merged = PersonEvent(1, 0, "", PersonsMerged(GUEST, ANNA))
    async with replicas(postgres_url, tmp_path / "key", 2, groups=groups) as (one, two):
        for sender, words in ((GUEST, "a"), (BAO, "b"), (GUEST, "c")):
            await one.messages.send(draft(sender, GROUP, words, words))
        await one.messages.mark(ANNA, GROUP, 1)
        assert await waits_for(
            lambda: two.messages.mark(ANNA, GROUP, 3),
            one.chat.database,
            lambda: one.chat.database.write(lambda connection: hear(connection, merged)),
        )
        (thread,) = (await two.messages.conversations(ANNA, 0, "")).threads
    assert (thread.read_seq, thread.unread) == (3, 0)
