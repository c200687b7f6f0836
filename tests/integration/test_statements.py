"""Statements behind real shards: they follow the journal, whoever dies, and posting never waits for them."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hongbao.settlement.v1 import statements_pb2 as pb
from services.mesh.errors import ServiceError
from services.mesh.shards.hashing import shard_of
from services.settlement.adapters.statements.sqlite import place_of
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.domain.accounts import shard_of_account
from services.settlement.settings import SettlementSettings
from tests.integration.settlement_mesh import CAMPAIGN, ROUND, SHARDS, SPONSOR, SettlementMesh
from tests.integration.statement_tables import BUSY_MS
from tests.unit.settlement.world import persons, pool_decided

Store = Callable[[SettlementSettings], StatementStore]
PEOPLE = [person_id for part in range(3) for person_id in persons(part, 4, 4)]


@pytest.fixture(params=["sqlite", "postgres", "postgres and sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Statements in files, in a database, or each shard's in another place."""
    if request.param == "sqlite":
        address = f"sqlite:{tmp_path}"
    elif request.param == "postgres":
        address = request.getfixturevalue("postgres_url")
    else:
        address = f"0={request.getfixturevalue('postgres_url')},1-3=sqlite:{tmp_path}"
    return lambda settings: StatementStore(address, settings)


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[SettlementMesh]:
    async with in_files(tmp_path) as mesh:
        await mesh.start()
        yield mesh


def in_files(folder: Path) -> SettlementMesh:
    """A mesh whose statements are in files, and give up at once when those are locked."""
    return SettlementMesh(
        statements=lambda values: StatementStore(f"sqlite:{folder}", values),
        statement_busy_ms=1,
        statement_fresh_ms=200,
    )


@contextmanager
def locked(folder: Path, shard: int) -> Iterator[None]:
    """Holds the write lock of a shard's statements."""
    connection = sqlite3.connect(place_of(folder, shard), timeout=BUSY_MS, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def play(mesh: SettlementMesh) -> None:
    """A round and a pool, with money between the shards and prizes in several steps."""
    await mesh.deposit(10_000)
    await mesh.hold_round([1000, 1000, 1000, 0])
    await mesh.hold_pool(1000)
    for part in range(3):
        for index, person_id in enumerate(persons(part, 4, 4)):
            mesh.packets_won(part, [person_id], [10 * part + index + 1])
        mesh.stock_closed(part, 10 + 40 * part, 1000 - 10 - 40 * part)
    mesh.stock_closed(3, 0, 0)
    sets = [3, 0, 2, 2]
    for shard, count in enumerate(sets):
        for person_id in persons(shard, 4, count):
            mesh.set_completed(person_id)
    mesh.pool_decided(pool_decided(1000, sets))
    await mesh.until(mesh.settled, "all money has arrived")


async def statement(mesh: SettlementMesh, account_id: str, page_size: int = 3) -> pb.ListEntriesResponse:
    """All of an account's entries, latest first, as the last page's answer."""
    stub = mesh.statements(shard_of_account(account_id, SHARDS))
    request = pb.ListEntriesRequest(account_id=account_id, page_size=page_size)
    entries: list[pb.Entry] = []
    while True:
        answer = await stub.ListEntries(request)
        entries += answer.entries
        if not answer.next_page_token:
            del answer.entries[:]
            answer.entries.extend(entries)
            return answer
        request.page_token = answer.next_page_token


async def expect_statements_as_books(mesh: SettlementMesh) -> None:
    """Every account's statement comes to its balance, and is complete."""
    accounts = {
        **{f"wallet:{person_id}": shard_of(person_id, SHARDS) for person_id in PEOPLE},
        **{f"escrow:{ROUND}:{part}": part % SHARDS for part in range(3)},
        f"sponsor:{SPONSOR}": shard_of(SPONSOR, SHARDS),
        f"pool:{CAMPAIGN}": mesh.campaign_home,
        f"remainder:{CAMPAIGN}": mesh.campaign_home,
        f"bank_clearing:{shard_of(SPONSOR, SHARDS)}": shard_of(SPONSOR, SHARDS),
    }
    for account_id, shard in accounts.items():
        found = await statement(mesh, account_id)
        assert found.complete.events_behind == 0
        assert found.opening_fen == 0
        assert found.closing_fen == await mesh.balance(account_id, shard), account_id
        assert found.closing_fen == sum(entry.amount_fen for entry in found.entries)
        assert len({(entry.seq, entry.line) for entry in found.entries}) == len(found.entries) > 0


async def test_statements_come_to_what_the_accounts_hold(store: Store) -> None:
    async with SettlementMesh(statements=store, payout_batch_persons=2, statement_run_entries=5) as mesh:
        await mesh.start()
        await play(mesh)
        await expect_statements_as_books(mesh)


async def test_a_new_owner_goes_on_where_the_rows_end(store: Store) -> None:
    async with SettlementMesh(statements=store, payout_batch_persons=2, statement_batch_records=2) as mesh:
        await mesh.start("a")
        await mesh.deposit(10_000)
        await statement(mesh, f"sponsor:{SPONSOR}")
        await mesh.crash("a")
        await mesh.start("b", epoch=2)
        await mesh.hold_round([100, 100, 100, 100])
        found = await statement(mesh, f"sponsor:{SPONSOR}")
        assert [entry.amount_fen for entry in found.entries] == [-100, -100, -100, -100, 10_000]


async def test_two_owners_at_once_do_no_harm(store: Store) -> None:
    async with SettlementMesh(statements=store, payout_batch_persons=2) as mesh:
        await mesh.start("a")
        await mesh.deposit(10_000)
        # The first one does not know yet that it was fenced, and goes on reading.
        await mesh.start("b", epoch=2)
        await mesh.hold_round([1000, 1000, 1000, 0])
        for part in range(3):
            mesh.packets_won(part, persons(part, 4, 4), [1, 2, 3, 4])

        async def paid() -> bool:
            return [await mesh.wallet(person_id) for person_id in PEOPLE] == [1, 2, 3, 4] * 3

        await mesh.until(paid, "everybody is paid")
        for person_id, amount_fen in zip(PEOPLE, [1, 2, 3, 4] * 3, strict=True):
            found = await statement(mesh, f"wallet:{person_id}")
            assert [entry.amount_fen for entry in found.entries] == [amount_fen]


async def test_statements_of_another_journal_are_made_anew(tmp_path: Path) -> None:
    async with in_files(tmp_path) as first:
        await first.start()
        await first.deposit(999)
        assert (await statement(first, f"sponsor:{SPONSOR}")).closing_fen == 999
    # The next one begins with empty journals beside the old statements.
    async with in_files(tmp_path) as second:
        await second.start()
        await second.deposit(5)

        async def anew() -> bool:
            return (await statement(second, f"sponsor:{SPONSOR}")).closing_fen == 5

        await second.until(anew, "the statements are those of the new journal")


async def test_money_moves_while_the_statements_do_not_answer(mesh: SettlementMesh, tmp_path: Path) -> None:
    await mesh.deposit(1_000)
    account_id, shard = f"sponsor:{SPONSOR}", shard_of(SPONSOR, SHARDS)
    assert (await statement(mesh, account_id)).closing_fen == 1_000
    with locked(tmp_path, shard):
        await mesh.hold_round([100, 0, 0, 0])
        lagging = await mesh.statements(shard).ListEntries(pb.ListEntriesRequest(account_id=account_id))
        assert (lagging.closing_fen, lagging.complete.events_behind) == (1_000, 1)
        with pytest.raises(ServiceError) as behind:
            await mesh.statements(shard).GetEntry(pb.GetEntryRequest(account_id=account_id, seq=2))
        assert behind.value.reason == "STATEMENT_BEHIND"
        assert dict(behind.value.metadata) == {"shard": str(shard), "seq": "2", "complete_seq": "1"}

    async def caught_up() -> bool:
        found = await statement(mesh, account_id)
        return (found.closing_fen, found.complete.events_behind) == (900, 0)

    await mesh.until(caught_up, "the statements have what happened meanwhile")


async def test_whoever_reads_sees_what_was_durable_before(mesh: SettlementMesh) -> None:
    for count in range(1, 8):
        await mesh.deposit(10, request_id=str(uuid.UUID(int=count)))
        assert (await statement(mesh, f"sponsor:{SPONSOR}")).closing_fen == 10 * count


@pytest.mark.parametrize(
    "account_id",
    [
        "wallet:0",
        "wallet:007",
        "wallet:1_0",
        f"wallet:{2**63}",
        "wallet:99999999999999999999",
        "compensation:-1",
    ],
)
async def test_what_can_be_no_account_has_no_statement(mesh: SettlementMesh, account_id: str) -> None:
    with pytest.raises(ServiceError) as refused:
        await mesh.statements(0).ListEntries(pb.ListEntriesRequest(account_id=account_id))
    assert refused.value.reason == "ACCOUNT_UNKNOWN"
