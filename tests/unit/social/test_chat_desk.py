"""What waits to be kept: bounded, refused at once when it would be late, never kept late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind
from services.social.adapters.chat.batch import Outcome, Sealed
from services.social.adapters.chat.desk import Desk, DeskLimits
from services.social.adapters.chat.marks import Mark
from services.social.domain.chat.errors import ChatOverloaded, MessageUnknown
from services.social.domain.chat.message import Conversation, Kept
from services.social.domain.chat.places import Places
from services.social.domain.chat.queue import Pace
from services.social.domain.relation import PersonId

PLACE = Conversation.of_two(PersonId(1), PersonId(2))


class Disk:
    """Keeps batches when it is told to, and takes the time it is told to."""

    def __init__(self, clock: ManualClock, batch_s: float = 0.0) -> None:
        self.clock = clock
        self.batch_s = batch_s
        self.batches: list[list[int]] = []
        self.failure: Exception | None = None

    async def write(self, messages: Sequence[Sealed], marks: Sequence[Mark]) -> Outcome:
        await self.clock.sleep(self.batch_s)
        if self.failure is not None:
            raise self.failure
        self.batches.append([message.message_id for message in messages])
        kept = [Kept(message.message_id, self.clock.now_ms()) for message in messages]
        return Outcome(kept, [MessageUnknown(mark.person, mark.up_to_seq) for mark in marks], {})


def message(number: int, receivers: int = 2) -> Sealed:
    people = tuple(map(PersonId, range(1, receivers + 1)))
    return Sealed(
        number, f"{number}", PLACE, PersonId(1), PersonId(1), 1, b"", b"", people, lambda _: (number, b"")
    )


def desk(disk: Disk, rows_max: int = 10_000, wait_ms_max: int = 1_000, batch_rows_max: int = 12) -> Desk:
    return Desk(disk.write, disk.clock, DeskLimits(rows_max, wait_ms_max, batch_rows_max))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_a_batch_is_kept_is_the_next_batch() -> None:
    disk = Disk(ManualClock(), batch_s=0.01)
    place = desk(disk)
    answers = [asyncio.ensure_future(place.keep(message(1)))]
    await settle()
    answers += [asyncio.ensure_future(place.keep(message(number))) for number in range(2, 6)]
    await settle()
    await disk.clock.advance(0.05)
    assert [kept.seq for kept in await asyncio.gather(*answers)] == [1, 2, 3, 4, 5]
    # A message to two is six rows, a transaction twelve.
    assert disk.batches == [[1], [2, 3], [4, 5]]


async def test_a_message_larger_than_a_batch_goes_alone() -> None:
    disk = Disk(ManualClock())
    place = desk(disk)
    await asyncio.gather(
        place.keep(message(1)), place.keep(message(2, receivers=500)), place.keep(message(3))
    )
    assert disk.batches == [[1], [2], [3]]


async def test_more_rows_than_may_wait_are_refused_at_once_with_a_delay() -> None:
    disk = Disk(ManualClock(), batch_s=0.01)
    place = desk(disk, rows_max=12)
    answers = [asyncio.ensure_future(place.keep(message(number))) for number in range(1, 3)]
    await settle()
    answers += [asyncio.ensure_future(place.keep(message(number))) for number in range(3, 5)]
    await settle()
    with pytest.raises(ChatOverloaded) as refused:
        await place.keep(message(9))
    assert refused.value.kind is ErrorKind.EXHAUSTED
    assert refused.value.metadata["limit"] == "social_chat_queue_rows_max"
    assert refused.value.retry_delay_ms is not None
    assert refused.value.retry_delay_ms >= 50
    await disk.clock.advance(0.1)
    await asyncio.gather(*answers)
    assert (await keep_now(place, disk, 9)).seq == 9


async def keep_now(place: Desk, disk: Disk, number: int) -> Kept:
    answer = asyncio.ensure_future(place.keep(message(number)))
    await settle()
    await disk.clock.advance(disk.batch_s)
    return await answer


async def test_what_would_wait_too_long_by_what_was_measured_is_refused_when_it_comes() -> None:
    disk = Disk(ManualClock(), batch_s=2.0)
    place = desk(disk, wait_ms_max=1_000)
    for number in range(5):
        await keep_now(place, disk, number)
    answer = asyncio.ensure_future(place.keep(message(7)))
    await settle()
    # One batch takes two seconds by now: whoever comes after it would not be kept within one.
    with pytest.raises(ChatOverloaded) as refused:
        place.check_room()
    assert refused.value.metadata["limit"] == "social_chat_wait_ms_max"
    await disk.clock.advance(2)
    assert (await answer).seq == 7
    place.check_room()


async def test_nothing_is_kept_that_has_waited_too_long() -> None:
    disk = Disk(ManualClock())
    place = desk(disk, wait_ms_max=1_000)
    await place.keep(message(1))
    disk.batch_s = 5.0
    first = asyncio.ensure_future(place.keep(message(2)))
    await settle()
    second = asyncio.ensure_future(place.keep(message(3)))
    await settle()
    await disk.clock.advance(5)
    assert (await first).seq == 2
    with pytest.raises(ChatOverloaded):
        await second
    assert disk.batches == [[1], [2]]


async def test_a_database_that_hangs_is_not_waited_for_by_those_who_come() -> None:
    disk = Disk(ManualClock())
    place = desk(disk, wait_ms_max=1_000)
    disk.batch_s = 1e9
    waiting = asyncio.ensure_future(place.keep(message(1)))
    await settle()
    place.check_room()
    await disk.clock.advance(1.5)
    with pytest.raises(ChatOverloaded):
        place.check_room()
    waiting.cancel()


async def test_who_stops_waiting_before_their_turn_sends_nothing() -> None:
    disk = Disk(ManualClock(), batch_s=0.01)
    place = desk(disk)
    first = asyncio.ensure_future(place.keep(message(1)))
    await settle()
    second = asyncio.ensure_future(place.keep(message(2)))
    await settle()
    second.cancel()
    await disk.clock.advance(0.05)
    assert (await first).seq == 1
    assert (await keep_now(place, disk, 3)).seq == 3
    assert disk.batches == [[1], [3]]


async def test_a_batch_that_fails_tells_everybody_in_it_and_the_next_goes_on() -> None:
    disk = Disk(ManualClock())
    place = desk(disk)
    disk.failure = ConnectionError("gone")
    answers = await asyncio.gather(place.keep(message(1)), place.keep(message(2)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [ConnectionError, ConnectionError]
    disk.failure = None
    assert (await place.keep(message(3))).seq == 3


async def test_marks_share_a_transaction_with_messages_and_are_told_their_own_errors() -> None:
    disk = Disk(ManualClock())
    place = desk(disk)
    kept, marked = await asyncio.gather(
        place.keep(message(1)), place.mark(Mark(PersonId(2), PLACE, 8)), return_exceptions=True
    )
    assert isinstance(kept, Kept)
    assert isinstance(marked, MessageUnknown)


def test_the_pace_follows_what_is_measured() -> None:
    pace = Pace(row_ms=1.0)
    assert pace.wait_ms(100, now_ms=0) == 100
    for turn in range(60):
        pace.begin(10, now_ms=turn * 100.0)
        pace.end(now_ms=turn * 100.0 + 50)
    assert pace.wait_ms(100, now_ms=0) == pytest.approx(500, rel=0.01)


def test_a_batch_that_takes_longer_than_it_should_is_expected_to_take_as_long_again() -> None:
    pace = Pace(row_ms=1.0)
    pace.begin(10, now_ms=0)
    assert pace.wait_ms(0, now_ms=4) == 6
    assert pace.wait_ms(5, now_ms=40) == 45


def test_calls_that_find_no_place_are_refused_at_once_with_a_delay() -> None:
    places = Places(1)
    with places.entered():
        with pytest.raises(ChatOverloaded) as refused:
            places.enter()
        assert refused.value.metadata["limit"] == "social_chat_calls_max"
        assert refused.value.retry_delay_ms
    with places.entered():
        assert places.occupied == 1
