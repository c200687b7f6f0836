"""Settlement on real databases: several of them, and two writers who both believe that a shard is theirs."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass, field

import psycopg
import pytest

from hongbao.settlement.v1 import events_pb2 as events
from services.mesh.clock import SystemClock
from services.mesh.errors import ServiceError
from services.mesh.journal.chain import Chain
from services.mesh.journal.port import EpochFenced
from services.mesh.journal.postgres import PostgresStore
from services.mesh.shards.host import Shard, ShardHost
from services.settlement.adapters.hosting import host_settlement
from services.settlement.domain import accounts
from services.settlement.domain.commands import create_hold, deposit
from services.settlement.domain.errors import FundsInsufficient
from services.settlement.domain.registers import Hold, HoldPart, HoldPurpose
from services.settlement.domain.state import SettlementState
from services.settlement.settings import SettlementSettings
from tests.integration.settlement_storage import Storage
from tests.integration.test_settlement import check_evening, play_evening

DEPOSITED_FEN = 100
HOLDS_ASKED = 160


async def test_money_crosses_between_two_databases_that_keep_a_shard_each(
    postgres_urls: tuple[str, str],
) -> None:
    one, other = postgres_urls
    async with Storage(f"0={one},1={other}").mesh(payout_batch_persons=2) as mesh:
        await mesh.start()
        await check_evening(mesh, await play_evening(mesh))
        books = await mesh.books()
    crossed = [line for line in books.lines if line.statement == "sent = received + on its way"]
    assert any(line.left_fen for line in crossed)
    assert books.in_transit_fen == 0
    assert [_shards_in(one), _shards_in(other)] == [{0}, {1}]


@pytest.mark.parametrize("epochs", ["rising", "equal"])
async def test_two_writers_who_both_believe_in_their_ownership_cannot_lose_an_update(
    postgres_url: str, epochs: str
) -> None:
    # Both spend the same sponsor's money as fast as they can, and take the shard from each other again and
    # again. Under equal epochs the fence lets both in, and only the journal's end tells them apart.
    writers = [_Writer(postgres_url, name) for name in "ab"]
    epoch = 1
    async with asyncio.timeout(60):
        await writers[0].take(epoch)
        await writers[0].pay_in()
        requests = list(range(HOLDS_ASKED))
        while requests:
            epoch += 1
            for writer in writers:
                if epochs == "rising":
                    await writer.take(epoch * 2 + writers.index(writer))
                else:
                    await writer.close()
                    await writer.take(epoch)
            writers.reverse()
            asked, requests = requests[:8], requests[8:]
            # Each request goes to both writers at once, as a caller's retry would.
            await asyncio.gather(*(writer.hold(asked) for writer in writers))
    heir = _Writer(postgres_url, "heir")
    await heir.take(epoch * 2 + 2)
    await _check_kept(heir, writers)
    for writer in (*writers, heir):
        await writer.close()


async def _check_kept(heir: _Writer, writers: list[_Writer]) -> None:
    shard = heir.shard()
    kept = Counter(
        event.hold_created.hold_id for event in await _events(shard) if event.HasField("hold_created")
    )
    acknowledged = {hold_id for writer in writers for hold_id in writer.acknowledged}
    assert acknowledged
    assert all(writer.acknowledged for writer in writers), "each of them got to write"
    assert all(writer.refused for writer in writers), "and each was overtaken"
    assert acknowledged <= kept.keys(), "what was acknowledged is in the books"
    assert set(kept.values()) == {1}, "and nothing is in there twice"
    balance_fen = shard.state.ledger.balance_fen(accounts.sponsor(1))
    assert balance_fen == DEPOSITED_FEN - len(kept) >= 0


@dataclass(slots=True)
class _Writer:
    """An instance of settlement that takes the shard when it is told to, whoever else has it."""

    url: str
    name: str
    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0
    _store: PostgresStore | None = None
    _host: ShardHost[SettlementState] | None = None

    async def take(self, epoch: int) -> None:
        """Takes the shard, unless it is held here already; an epoch that is over is somebody else's."""
        if self._host is not None and list(self._host.shards()):
            return
        await self.close()
        settings = SettlementSettings(
            settlement_shards=1, instance=self.name, journal_url=self.url, snapshot_every_records=20
        )
        self._store = PostgresStore(self.url, settings)
        self._host = host_settlement(self._store, [], SystemClock(), settings)
        try:
            await self._host.take(0, epoch)
        except EpochFenced:
            self.refused += 1

    async def pay_in(self) -> None:
        event = deposit(self.shard().state, str(uuid.uuid4()), 1, DEPOSITED_FEN)
        assert event is not None
        await self.shard().commit(event)

    async def hold(self, numbers: list[int]) -> None:
        """Makes holds of one fen each, all at once; what fails is asked again by somebody else, or never."""
        await asyncio.gather(*(self._hold(number) for number in numbers))

    async def _hold(self, number: int) -> None:
        held = Hold(f"hold-{number}", "spring", 1, HoldPurpose.ROUND, (HoldPart(0, 1),))
        try:
            shard = self.shard()
            event = create_hold(shard.state, held)
            if event is not None:
                shard.commit(event)
            await shard.settled()
        except FundsInsufficient:
            return
        except ServiceError:
            self.refused += 1
            return
        self.acknowledged.add(held.hold_id)

    def shard(self) -> Shard[SettlementState]:
        assert self._host is not None
        return self._host.owned(0)

    async def close(self) -> None:
        if self._host is not None and self._store is not None:
            for shard in list(self._host.shards()):
                await self._host.lose(shard.number)
            await self._host.close()
            await self._store.close()
            self._host = self._store = None


async def _events(shard: Shard[SettlementState]) -> list[events.SettlementEvent]:
    """All events of a shard's journal, whose chain is whole."""
    chain, found = Chain("settlement", 0), []
    while records := await shard._journal.read(chain.seq, 1_000):
        for record in records:
            assert chain.follow(record)
            found.append(events.SettlementEvent.FromString(record.payload))
    return found


def _shards_in(url: str) -> set[int]:
    with psycopg.connect(url) as connection:
        return {
            int(shard)
            for (shard,) in connection.execute(
                "SELECT DISTINCT shard FROM journal_records WHERE service = 'settlement'"
            ).fetchall()
        }
