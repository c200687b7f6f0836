"""Packets that nobody claims move to a shard that ran dry, over real journals, whoever dies meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hongbao.allocation.v1 import allocation_pb2
from services.allocation.adapters.peers import ShardPeers
from services.allocation.domain.draw import draw
from services.allocation.domain.lots import Parcel
from services.allocation.domain.proofs_contract import read_proof
from services.allocation.domain.split import split
from services.allocation.domain.values import Packets, Seed, StockId
from services.mesh.clock import ManualClock
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.journal.memory import MemoryStore
from services.mesh.journal.port import JournalStore
from services.mesh.journal.sqlite import SqliteStore
from services.mesh.settings import MeshSettings
from tests.integration.allocation_mesh import (
    SEED,
    SHARDS,
    STOCK,
    AllocationMesh,
    Instance,
    at,
    people_of,
    until,
)
from tests.integration.test_settlement_with_allocation import SETTLEMENT_SHARDS, WholeMesh

TAKER = 1
GIVERS = [shard for shard in range(SHARDS) if shard != TAKER]
PACKETS, BUDGET_FEN = 80, 13_360
EACH = PACKETS // SHARDS
CROWD = people_of(TAKER, 3 * EACH)
WINDOW_MS = 12_000
NOT_RELEASED = allocation_pb2.CLAIM_OUTCOME_NOT_RELEASED


class Line:
    """The way of requests for packets between shards, on which either direction may be broken."""

    def __init__(self, take: Callable[..., Any]) -> None:
        self.broken = ""
        """"request" or "answer"; empty while all is well."""
        self.attempts = 0
        self._take = take

    async def take(self, peers: ShardPeers, *what: Any, final: bool) -> Parcel:
        self.attempts += 1
        if self.broken == "request":
            raise self._lost()
        parcel: Parcel = await self._take(peers, *what, final=final)
        if self.broken == "answer":
            raise self._lost()
        return parcel

    def _lost(self) -> ServiceError:
        return ServiceError.rebuilt(
            kind=ErrorKind.UNAVAILABLE,
            domain="hongbao.mesh",
            reason="UNREACHABLE",
            message=f"the {self.broken} is lost",
            metadata={},
            retry_delay_ms=None,
        )


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Line:
    made = Line(ShardPeers.take)

    async def take(peers: ShardPeers, *what: Any, final: bool) -> Parcel:
        return await made.take(peers, *what, final=final)

    monkeypatch.setattr(ShardPeers, "take", take)
    return made


class TwoProcesses(WholeMesh):
    """Instances that share the disk, and of which one can die without the other."""

    _stores: dict[str, JournalStore]

    async def start(self, name: str, shards: Sequence[int] = range(SHARDS), epoch: int = 1) -> Instance:
        if isinstance(self.store, MemoryStore):
            self.store = self.store.shared()
        self.__dict__.setdefault("_stores", {})[name] = self.store
        return await super().start(name, shards, epoch)

    async def crash(self, instance: Instance, *, in_flight_survives: bool = False) -> None:
        self.store = self._stores[instance.name]
        await super().crash(instance, in_flight_survives=in_flight_survives)


def whole_mesh(store: Callable[[MeshSettings, ManualClock], JournalStore] = MemoryStore) -> TwoProcesses:
    return TwoProcesses(store, settlement_shards=SETTLEMENT_SHARDS, snapshot_every_records=3)


async def open_mesh(mesh: WholeMesh, window_ms: int = WINDOW_MS) -> None:
    """One instance has the shard that everybody goes to, another one all others."""
    await mesh.start("taker", [TAKER])
    await mesh.start("giver", GIVERS)
    await mesh.pay_in(100_000)
    home = "local/taker" if mesh.home_shard() == TAKER else "local/giver"
    request = allocation_pb2.CreateCampaignRequest(
        campaign_id="spring-2016", sponsor_id=7, display_name="春节", budget_fen=10**8
    )
    await mesh.campaigns(home).CreateCampaign(request)
    now_ms = mesh.clock.now_ms()
    await mesh.campaigns(home).CreateRound(
        mesh.round_request(
            packet_count=PACKETS,
            budget_fen=BUDGET_FEN,
            opens_at=at(now_ms + 2_000),
            closes_at=at(now_ms + 2_000 + window_ms),
        )
    )
    await mesh.pass_time(3.5)


async def grab(mesh: AllocationMesh, count: int, address: str = "local/taker") -> list[int]:
    """The crowd claims on the one shard; what each of them has now."""
    answer = await mesh.claim(TAKER, CROWD[:count], address)
    return list(answer.amounts_fen)


async def won_by_then(mesh: AllocationMesh, count: int, address: str = "local/taker") -> list[int]:
    """Claims again and again until so many have won."""
    for _ in range(100):
        amounts = await grab(mesh, count, address)
        if all(amounts):
            return amounts
        await on_disk_soon(mesh)
    raise AssertionError(f"{count} people never won")


async def on_disk_soon(mesh: AllocationMesh) -> None:
    """Lets a moment pass, and real disks come after: virtual time must not run away from them."""
    await mesh.pass_time(0.1)
    held = [shard for instance in mesh.instances.values() for shard in instance.host.shards()]
    await until(lambda: all(shard.durable_seq == shard.seq for shard in held), "what is decided is on disk")


async def settled(mesh: WholeMesh, address: str) -> allocation_pb2.Round:
    """The round closed and booked to the fen."""
    closed = await mesh.closed_round(address)
    totals = closed.totals
    assert totals.won_fen + totals.returned_fen == BUDGET_FEN
    for _ in range(200):
        if (campaign := mesh.campaign()) is not None:
            break
        await mesh.pass_time(0.1)
    assert campaign is not None, "all money arrives"
    assert campaign.packets == totals.packets_won
    assert campaign.packets_fen == campaign.wallets_fen == totals.won_fen
    assert campaign.returned_fen == totals.returned_fen
    return closed


async def check_identities(mesh: AllocationMesh, addresses: dict[int, str]) -> set[tuple[int, int]]:
    """Every packet that was won is another one of the draw, and worth what that says."""
    whole = Packets(count=PACKETS, budget_fen=BUDGET_FEN, min_fen=1, max_fen=880)
    drawn = [draw(Seed(SEED), StockId(STOCK), shard, part) for shard, part in enumerate(split(whole, SHARDS))]
    seen: set[tuple[int, int]] = set()
    for shard, address in addresses.items():
        page = await mesh.stocks(address).ListPackets(
            allocation_pb2.ListPacketsRequest(stock_id=STOCK, shard=shard)
        )
        columns = zip(page.drawn_shards, page.drawn_indexes, page.amounts_fen, page.person_ids, strict=True)
        for drawn_shard, drawn_index, amount_fen, person_id in columns:
            assert amount_fen == drawn[drawn_shard][drawn_index]
            assert (drawn_shard, drawn_index) not in seen
            seen.add((drawn_shard, drawn_index))
            packet = await mesh.packet(person_id, address)
            assert (packet.drawn_shard, packet.drawn_index) == (drawn_shard, drawn_index)
    return seen


def home(mesh: AllocationMesh, names: dict[str, str]) -> str:
    return names["taker" if mesh.home_shard() == TAKER else "giver"]


async def test_a_crowd_on_one_shard_gets_what_nobody_claims_on_the_others() -> None:
    async with whole_mesh() as mesh:
        await open_mesh(mesh)
        first = await mesh.claim(TAKER, CROWD[: 2 * EACH], "local/taker")
        assert list(first.outcomes[EACH:]) == [NOT_RELEASED] * EACH, "more may come"
        amounts = await won_by_then(mesh, 2 * EACH)
        assert amounts[:EACH] == list(first.amounts_fen[:EACH])
        await mesh.pass_time(WINDOW_MS / 1000)
        names = {"taker": "local/taker", "giver": "local/giver"}
        closed = await settled(mesh, home(mesh, names))
        assert (closed.totals.packets_won, closed.totals.won_fen) == (2 * EACH, sum(amounts))
        seen = await check_identities(mesh, {TAKER: "local/taker"})
        assert {shard for shard, _ in seen} > {TAKER}
        request = allocation_pb2.GetProofRequest(stock_id=STOCK, person_id=CROWD[2 * EACH - 1])
        message = (await mesh.claims("local/taker").GetProof(request)).proof
        proof = read_proof(message)
        assert (proof.shard, proof.packet_index) == (TAKER, 2 * EACH - 1)
        assert proof.drawn_shard != TAKER
        proof.check(message.digest)


async def test_nobody_learns_from_a_feed_what_packets_are_worth_that_are_not_won() -> None:
    async with whole_mesh() as mesh:
        await open_mesh(mesh)
        await won_by_then(mesh, EACH + 1)
        taken = [record.event.packets_received for record in await mesh.feed(TAKER, "local/taker")]
        (received,) = [event for event in taken if event.amount_fen]
        assert received.lots
        assert not received.amounts_fen
        sent = [record.event.packets_sent for record in await mesh.feed(received.from_shard, "local/giver")]
        (answer,) = [event for event in sent if event.amount_fen]
        assert (answer.amount_fen, list(answer.lots)) == (received.amount_fen, list(received.lots))
        assert not answer.amounts_fen


async def test_a_part_is_sold_out_once_no_shard_has_anything_left() -> None:
    async with whole_mesh() as mesh:
        await open_mesh(mesh)
        for shard in GIVERS:
            await mesh.claim(shard, people_of(shard, EACH), "local/giver")
        await grab(mesh, EACH + 1)
        for _ in range(100):
            answer = await mesh.claim(TAKER, CROWD[-1:], "local/taker")
            if list(answer.outcomes) == [allocation_pb2.CLAIM_OUTCOME_SOLD_OUT]:
                break
            await mesh.pass_time(0.1)
        assert list(answer.outcomes) == [allocation_pb2.CLAIM_OUTCOME_SOLD_OUT]


async def test_a_shard_that_is_busy_keeps_what_it_uses() -> None:
    async with whole_mesh() as mesh:
        await open_mesh(mesh)
        await grab(mesh, EACH + 1)
        for shard in GIVERS:
            await mesh.claim(shard, people_of(shard, EACH - 5), "local/giver")
        await mesh.pass_time(0.7)
        stock = await mesh.stocks("local/taker").GetStock(
            allocation_pb2.GetStockRequest(stock_id=STOCK, shard=TAKER)
        )
        assert stock.packets_received == 0


@pytest.mark.parametrize(
    ("store", "broken", "dies"),
    [
        *product(["memory"], ["request", "answer", ""], ["taker", "giver", "both"]),
        # The rules are the same on real files; one death of everybody is enough.
        *product(["sqlite"], ["request", "answer", ""], ["both"]),
    ],
)
async def test_nothing_is_lost_or_doubled_whoever_dies_between_two_records(
    line: Line, store: str, broken: str, dies: str, tmp_path: Path
) -> None:
    def on_disk(settings: MeshSettings, _: ManualClock) -> JournalStore:
        return SqliteStore(tmp_path, settings)

    # Files take their time, and the manual clock does not wait for them.
    window_ms = 5 * WINDOW_MS if store == "sqlite" else WINDOW_MS
    async with whole_mesh(on_disk if store == "sqlite" else MemoryStore) as mesh:
        await open_mesh(mesh, window_ms)
        line.broken = broken
        before = await grab(mesh, 2 * EACH)
        for _ in range(100):
            if line.attempts:
                break
            await on_disk_soon(mesh)
        assert line.attempts, "the shard that ran dry asks for packets"
        names = {"taker": "local/taker", "giver": "local/giver"}
        for name, shards in (("taker", [TAKER]), ("giver", GIVERS)):
            if dies in (name, "both"):
                await mesh.crash(mesh.instances[name])
                names[name] = f"local/{name}-2"
                line.broken = ""
                await mesh.start(f"{name}-2", shards, epoch=2)
        line.broken = ""
        after = await won_by_then(mesh, 2 * EACH, names["taker"])
        assert after[:EACH] == before[:EACH], "who was told of a packet has it still"
        await mesh.pass_time(window_ms / 1000, step_s=0.25)
        closed = await settled(mesh, home(mesh, names))
        assert (closed.totals.packets_won, closed.totals.won_fen) == (2 * EACH, sum(after))
        await check_identities(mesh, {TAKER: names["taker"], 0: names["giver"]})


async def test_a_round_is_not_closed_before_every_request_is_answered(line: Line) -> None:
    async with whole_mesh() as mesh:
        await open_mesh(mesh)
        line.broken = "answer"
        await grab(mesh, 2 * EACH)
        await mesh.pass_time(WINDOW_MS / 1000)
        names = {"taker": "local/taker", "giver": "local/giver"}
        assert (await mesh.get_round(home(mesh, names))).phase == allocation_pb2.ROUND_PHASE_CLOSING
        with pytest.raises(ServiceError, match="waits for shard"):
            await mesh.peers("local/taker").CloseStock(
                allocation_pb2.CloseStockRequest(stock_id=STOCK, shard=TAKER)
            )
        line.broken = ""
        closed = await settled(mesh, home(mesh, names))
        assert closed.totals.packets_won == EACH
        giver = await mesh.stocks("local/giver").GetStock(
            allocation_pb2.GetStockRequest(stock_id=STOCK, shard=GIVERS[0])
        )
        assert giver.packet_count + giver.packets_sent == EACH
