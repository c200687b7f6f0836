"""What is sent along: for whom it may be, and how seldom its service is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.social.adapters.chat.attachments import AskedAttachments, AttachmentLimits
from services.social.domain.chat.attachments import Sight, State, Status, asked_as, check
from services.social.domain.chat.errors import (
    AttachmentNotForConversation,
    AttachmentNotYours,
    AttachmentUnchecked,
    AttachmentUnknown,
)
from services.social.domain.chat.message import Attachment, CardAsk, Conversation, Packet
from services.social.domain.group import GroupId
from services.social.domain.relation import PersonId

ALICE, BOB, CAROL = map(PersonId, (1, 2, 3))
TWO = Conversation.of_two(ALICE, BOB)
GROUP = Conversation.of_group(GroupId(9))
OPEN = Status(State.OPEN, 0)


def sight(
    owner: PersonId = ALICE,
    person: PersonId | None = None,
    group: GroupId | None = None,
    status: Status = OPEN,
) -> Sight:
    return Sight(owner, person, group, status)


@pytest.mark.parametrize(
    ("seen", "place", "refusal"),
    [
        (sight(person=BOB), TWO, None),
        (sight(), TWO, None),
        (sight(person=CAROL), TWO, AttachmentNotForConversation),
        (sight(group=GroupId(9)), TWO, AttachmentNotForConversation),
        (sight(group=GroupId(9)), GROUP, None),
        (sight(group=GroupId(8)), GROUP, AttachmentNotForConversation),
        # Not everybody in a group is a friend of the sender's.
        (sight(), GROUP, AttachmentNotForConversation),
        (sight(person=BOB), GROUP, AttachmentNotForConversation),
        (sight(owner=BOB, person=ALICE), TWO, AttachmentNotYours),
        (sight(owner=CAROL, group=GroupId(9)), GROUP, AttachmentNotYours),
    ],
)
def test_what_is_sent_along_is_the_senders_and_for_those_who_receive_it(
    seen: Sight, place: Conversation, refusal: type[ServiceError] | None
) -> None:
    if refusal is None:
        check(seen, Packet(5), ALICE, place)
        return
    with pytest.raises(refusal):
        check(seen, Packet(5), ALICE, place)


def test_an_ask_for_a_card_is_asked_for_as_the_one_who_knows_first() -> None:
    assert asked_as(CardAsk("spring", "x"), ALICE, TWO) == BOB
    assert asked_as(Packet(5), ALICE, TWO) == ALICE


class Allocation:
    """Answers as the test says, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.under_way = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.answer: Sight | ServiceError = sight(person=BOB)

    async def ask(self, _attachment: Attachment, _person: PersonId) -> Sight:
        self.asked += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0)
        await self.gate.wait()
        self.under_way -= 1
        if isinstance(self.answer, ServiceError):
            raise self.answer
        return self.answer


class EndsInMemory:
    """Keeps ends."""

    def __init__(self) -> None:
        self.kept: dict[Attachment, Status] = {}

    async def find(self, attachment: Attachment) -> Status | None:
        return self.kept.get(attachment)

    async def keep(self, attachment: Attachment, status: Status) -> None:
        self.kept[attachment] = status


class Scene:
    """Attachments over both."""

    def __init__(self, asks_max: int = 2, waiting_max: int = 100, wait_ms: int = 10_000) -> None:
        self.clock = ManualClock()
        self.allocation = Allocation()
        self.ends = EndsInMemory()
        limits = AttachmentLimits(
            asks_max=asks_max, waiting_max=waiting_max, wait_ms=wait_ms, remember_ms=1_000, remembered_max=50
        )
        self.attachments = AskedAttachments(
            self.allocation,
            self.ends,
            self.clock,
            limits,
        )

    async def states(self, *envelopes: int) -> list[State]:
        asked: Mapping[Attachment, PersonId] = {Packet(number): ALICE for number in envelopes}
        found = await self.attachments.statuses(asked)
        return [found[attachment].state for attachment in asked]


async def test_many_readers_ask_once_and_for_a_while_nobody_does() -> None:
    scene = Scene()
    told = await asyncio.gather(*(scene.states(5) for _ in range(20)))
    assert told == [[State.OPEN]] * 20
    assert scene.allocation.asked == 1
    await scene.clock.advance(2)
    assert await scene.states(5) == [State.OPEN]
    assert scene.allocation.asked == 2


async def test_how_it_ended_is_kept_and_never_asked_for_again() -> None:
    scene = Scene()
    scene.allocation.answer = sight(status=Status(State.EXPIRED, 7))
    assert await scene.states(5) == [State.EXPIRED]
    await scene.clock.advance(3_600)
    assert await scene.states(5) == [State.EXPIRED]
    assert scene.allocation.asked == 1


async def test_what_its_service_has_forgotten_is_gone_for_good() -> None:
    scene = Scene()
    scene.allocation.answer = AttachmentUnknown("packet")
    assert await scene.states(5) == [State.GONE]
    assert scene.ends.kept[Packet(5)].state is State.GONE


async def test_no_more_is_asked_at_once_than_may_be() -> None:
    scene = Scene(asks_max=2)
    assert await scene.states(*range(1, 11)) == [State.OPEN] * 10
    assert scene.allocation.most == 2


async def test_what_too_many_wait_for_is_not_known() -> None:
    scene = Scene(asks_max=1, waiting_max=3)
    scene.allocation.gate.clear()
    waiting = asyncio.ensure_future(scene.states(*range(1, 6)))
    await let_run()
    with pytest.raises(AttachmentUnchecked):
        await scene.attachments.look(Packet(7), ALICE)
    scene.allocation.gate.set()
    states = await waiting
    assert sorted(states) == [State.UNKNOWN] * 2 + [State.OPEN] * 3


async def test_a_reader_waits_only_so_long_and_the_answer_is_there_for_the_next_one() -> None:
    scene = Scene(wait_ms=1)
    scene.allocation.gate.clear()
    assert await scene.states(5) == [State.UNKNOWN]
    scene.allocation.gate.set()
    await let_run()
    assert await scene.states(5) == [State.OPEN]
    assert scene.allocation.asked == 1


class Away(ServiceError):
    kind = ErrorKind.UNAVAILABLE


async def test_nothing_is_sent_along_that_nobody_can_say_anything_about() -> None:
    scene = Scene()
    scene.allocation.answer = Away("gone")
    with pytest.raises(AttachmentUnchecked):
        await scene.attachments.look(Packet(5), ALICE)
    assert await scene.states(5) == [State.UNKNOWN]
    scene.allocation.answer = sight(status=Status(State.UNKNOWN, 0))
    with pytest.raises(AttachmentUnchecked):
        await scene.attachments.look(Packet(5), ALICE)
    assert scene.ends.kept == {}


async def let_run() -> None:
    for _ in range(30):
        await asyncio.sleep(0)
