"""`hongbao publish`: writes what everyone needs to check a closed round, or one packet of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from google.protobuf.timestamp_pb2 import Timestamp

from hongbao.allocation.v1 import allocation_pb2 as allocation
from hongbao.allocation.v1 import events_pb2 as events
from services.allocation.domain.proofs_contract import statement_of
from services.cli.console import CONSOLE, Refusal
from services.cli.local_mesh.record import MeshRecord
from services.cli.operator import connected
from services.cli.proofs.draw import PacketLists, runs_of
from services.cli.proofs.files import proof_file
from services.cli.proofs.published import Heading, Outcome, PublishedFile
from services.mesh.settings import MeshSettings


async def publish_round(
    mesh: MeshRecord, settings: MeshSettings, campaign_id: str, round_id: str, out: Path
) -> None:
    """Writes the public file of a closed round. It names no person; the same round gives the same file."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        played = await operator.round(campaign_id, round_id)
        if played.phase != allocation.ROUND_PHASE_CLOSED:
            raise Refusal(f"{round_id} of {campaign_id} is not closed yet; its seed is revealed when it is")
        with replaced(out) as file:
            digest = await write_round(operator, played, file)
    won = f"{played.totals.packets_won:,} packets"
    CONSOLE.print(f"{out}: {won}, digest {digest.hex()}", markup=False, highlight=False, soft_wrap=True)


async def publish_proof(
    mesh: MeshRecord, settings: MeshSettings, stock_id: str, person_id: int, out: Path
) -> None:
    """Writes the proof of one person's packet. It does not name the person."""
    async with connected(mesh.etcd_endpoint, settings) as operator:
        answer = await operator.proof(stock_id, person_id)
    with replaced(out) as file:
        file.write(proof_file(answer).encode())
    CONSOLE.print(f"{out}: one packet", markup=False, highlight=False, soft_wrap=True)


async def write_round(lists: PacketLists, played: allocation.Round, file: IO[bytes]) -> bytes:
    """Writes a closed round, page by page; returns the file's digest."""
    published = PublishedFile(file, _heading(played))
    for part in played.parts:
        packets, won_fen = 0, 0
        async for page in lists.packets(played.stock_id, part.shard):
            for run in runs_of(part.shard, page):
                published.packets(run)
            packets += len(page.packet_indexes)
            won_fen += sum(page.amounts_fen)
        published.end_shard(part.shard, packets, won_fen)
    totals = played.totals
    return published.end(Outcome(totals.packets_won, totals.won_fen, totals.returned_fen))


def _heading(played: allocation.Round) -> Heading:
    return Heading(
        statement=statement_of(played),
        announced_at=_moment(played.announced_at),
        opens_at=_moment(played.opens_at),
        closes_at=_moment(played.closes_at),
        release_curve=events.ReleaseCurve.Name(played.release_curve),
        release_table_ppm=tuple(played.release_table_ppm),
    )


def _moment(time: Timestamp) -> str:
    return time.ToJsonString()


@contextmanager
def replaced(out: Path) -> Iterator[IO[bytes]]:
    """A file that takes its place once it is whole. Raises OSError."""
    unfinished = out.with_name(f"{out.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
