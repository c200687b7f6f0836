"""Settlement reads identity's real feed: nobody loses winnings because nothing was heard of people."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from services.settlement.domain.shard_books import FeedLine
from tests.integration.known_people import KnownPeople
from tests.integration.settlement_mesh import SHARDS, SettlementMesh
from tests.unit.settlement.world import persons

PEOPLE = "identity/0"
PART = 1
GUEST, OTHER, LATER, LAST = persons(PART, 4, 4)
WAITS_MS, GRACE_MS, SILENCE_MS = 2_000, 500, 3_000


@pytest.fixture
async def mesh() -> AsyncIterator[SettlementMesh]:
    mesh = SettlementMesh(
        people_known="identity",
        waiting_ms=WAITS_MS,
        waiting_grace_ms=GRACE_MS,
        people_silence_ms=SILENCE_MS,
        waiting_look_ms=50,
        feed_poll_ms=100,
    )
    async with mesh:
        yield mesh


@pytest.fixture
async def people(mesh: SettlementMesh) -> KnownPeople:
    return KnownPeople(mesh.clock)


async def serve(mesh: SettlementMesh, people: KnownPeople) -> None:
    await mesh.serve_identity(people.service(mesh.settings("identity")))


async def fund(mesh: SettlementMesh) -> None:
    await mesh.deposit(1_000)
    await mesh.hold_round([0, 1_000, 0, 0])


async def waiting_fen(mesh: SettlementMesh) -> int:
    return (await mesh.books()).campaigns[0].waiting_fen


async def until_waiting(mesh: SettlementMesh, amount_fen: int) -> None:
    async def is_so() -> bool:
        return await waiting_fen(mesh) == amount_fen

    await mesh.until(is_so, f"{amount_fen} fen wait")


async def waits_of_news(mesh: SettlementMesh) -> list[FeedLine]:
    """Lines of the books that say that nothing is heard of people."""
    books = await mesh.books()
    assert not books.difference_fen
    assert books.sound
    return [line for line in books.waiting if line.source == PEOPLE]


async def test_nothing_goes_back_before_identity_was_heard_and_who_was_verified_in_time_is_paid(
    mesh: SettlementMesh, people: KnownPeople
) -> None:
    await mesh.start()
    await fund(mesh)
    mesh.packets_won(PART, [GUEST, OTHER], [50, 30])
    await until_waiting(mesh, 80)
    people.verify(GUEST)

    await mesh.pass_time(2 * (WAITS_MS + GRACE_MS + SILENCE_MS) / 1000)

    assert await waiting_fen(mesh) == 80
    lines = await waits_of_news(mesh)
    assert len(lines) == SHARDS
    assert all(line.halt is not None and "nothing is heard of people" in line.halt.detail for line in lines)

    await serve(mesh, people)
    await until_waiting(mesh, 0)

    assert (await mesh.wallet(GUEST), await mesh.wallet(OTHER)) == (50, 0)

    async def is_heard() -> bool:
        return not await waits_of_news(mesh)

    await mesh.until(is_heard, "both shards have heard of people")


async def test_nothing_goes_back_while_identity_is_away_and_what_is_due_does_when_it_is_there(
    mesh: SettlementMesh, people: KnownPeople
) -> None:
    await serve(mesh, people)
    await mesh.start()
    await fund(mesh)
    mesh.packets_won(PART, [OTHER], [30])
    await until_waiting(mesh, 30)
    await until_waiting(mesh, 0)

    mesh.packets_won(PART, [LATER, LAST], [40, 20])
    await until_waiting(mesh, 60)
    mesh.network.cut("local/identity")
    people.verify(LATER)
    await mesh.pass_time(2 * (WAITS_MS + GRACE_MS + SILENCE_MS) / 1000)
    assert await waiting_fen(mesh) == 60
    assert len(await waits_of_news(mesh)) == SHARDS

    await serve(mesh, people)
    await until_waiting(mesh, 0)

    assert (await mesh.wallet(OTHER), await mesh.wallet(LATER), await mesh.wallet(LAST)) == (0, 40, 0)


async def test_nothing_goes_back_behind_a_record_that_contradicts_the_books(
    mesh: SettlementMesh, people: KnownPeople
) -> None:
    await serve(mesh, people)
    await mesh.start()
    await fund(mesh)
    people.verify(GUEST)
    people.merge(GUEST, LATER)
    mesh.packets_won(PART, [OTHER], [30])

    async def is_stopped() -> bool:
        return [line.source for line in (await mesh.books()).stopped] == [PEOPLE]

    await mesh.until(is_stopped, "the feed of people is stopped")
    await until_waiting(mesh, 30)
    await mesh.pass_time(2 * (WAITS_MS + GRACE_MS) / 1000)

    assert await waiting_fen(mesh) == 30
    assert await is_stopped()


async def test_who_takes_a_shard_has_heard_nothing_yet(mesh: SettlementMesh, people: KnownPeople) -> None:
    await serve(mesh, people)
    await mesh.start("a")
    await fund(mesh)
    mesh.packets_won(PART, [GUEST, OTHER], [50, 30])
    await until_waiting(mesh, 80)
    await mesh.crash("a")
    mesh.network.cut("local/identity")

    await mesh.start("b", epoch=2)
    await mesh.pass_time(2 * (WAITS_MS + GRACE_MS) / 1000)

    assert await waiting_fen(mesh) == 80
