"""Taps, rounds and proofs: what a round is about."""

from __future__ import annotations

from dataclasses import dataclass

from services.gateway import api
from services.gateway.adapters.claim_streams import ClaimStreams
from services.gateway.adapters.claims import ClaimPipeline
from services.gateway.adapters.proofs import ProofClient
from services.gateway.adapters.rounds import RoundClient
from services.gateway.adapters.stock_watch import StockWatch
from services.gateway.domain.desk import TapDesk
from services.gateway.domain.figures import Figures
from services.gateway.domain.pace import Pace
from services.gateway.domain.rounds import RoundBoard
from services.gateway.domain.winners import Unanswered, Winners
from services.gateway.lanes.grounds import Grounds
from services.mesh.channel import ChannelFactory
from services.mesh.clock import Clock
from services.mesh.shards.router import ShardRouter
from services.mesh.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Taps:
    """The servicers of taps, and what has to run for them."""

    servicers: tuple[object, ...]
    watch: StockWatch
    streams: ClaimStreams

    async def start(self) -> None:
        """Returns when every shard of every stock has been heard of."""
        self.watch.start()
        await self.watch.complete()

    async def close(self) -> None:
        """Ends what runs."""
        await self.watch.close()
        await self.streams.close()


def taps(
    on: Grounds,
    router: ShardRouter,
    channels: ChannelFactory,
    figures: Figures,
    telemetry: Telemetry,
    clock: Clock,
) -> Taps:
    """The lane of taps. Only who has it watches stocks: each watcher gets a part of the packets to let in."""
    settings, limits, shard_count = on.settings, on.bulkheads, on.settings.allocation_shards
    board, streams = RoundBoard(shard_count), ClaimStreams(channels, telemetry, clock)
    desk = TapDesk(
        board,
        Winners(settings.gateway_winners_max),
        Unanswered(settings.gateway_unanswered_max),
        ClaimPipeline(settings, router, streams, figures, clock),
        limits.taps,
        Pace(
            taps_per_s=settings.gateway_taps_per_s,
            taps_at_once=settings.gateway_taps_at_once,
            retry_cost_taps=settings.gateway_tap_retry_cost_taps,
            people_max=settings.gateway_tap_people_max,
            now_s=clock.monotonic_s,
        ),
        figures,
        clock.now_ms,
    )
    return Taps(
        servicers=(
            api.TapServicer(on.tokens, desk, RoundClient(on.forwarding), limits.others, shard_count),
            api.ProofServicer(on.tokens, ProofClient(on.forwarding), limits.others),
        ),
        watch=StockWatch(settings, router.map, channels, board, clock),
        streams=streams,
    )
