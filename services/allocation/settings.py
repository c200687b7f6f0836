"""Every knob of allocation, beside those of the mesh."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.allocation.domain.rounds import RoundLimits
from services.mesh.settings import MeshSettings


class AllocationSettings(MeshSettings):
    """What the allocation service can be told."""

    service: ClassVar[str] = "allocation"

    # How much is kept.
    campaigns_per_shard_max: int = Field(default=1_000, ge=1, le=100_000)
    """Most campaigns whose home one shard is."""
    stocks_per_shard_max: int = Field(default=256, ge=1, le=10_000)
    """Most parts of stocks on one shard, closed ones included. Every round has a part on every shard."""
    round_packets_max: int = Field(default=100_000_000, ge=1, le=4_000_000_000)
    """Most packets of one round."""
    round_window_ms_max: int = Field(default=86_400_000, ge=1, le=31 * 86_400_000)
    """Longest window of a round, milliseconds."""

    # Claims.
    batch_claims_max: int = Field(default=4_096, ge=1, le=4_096)
    """Most claims in one batch."""
    stream_batches_max: int = Field(default=64, ge=1, le=10_000)
    """Most batches of one stream that are in flight; more are refused."""
    shard_batches_max: int = Field(default=256, ge=1, le=100_000)
    """Most batches of one shard that are in flight, over all streams; more are refused."""
    claim_streams_max: int = Field(default=256, ge=1, le=10_000)
    """Most streams of claims that are open at once."""

    # Watching stocks.
    watch_interval_ms: int = Field(default=200, ge=10, le=60_000)
    """Time between two pictures of the stocks, milliseconds; changes of phase are told at once."""
    watch_streams_max: int = Field(default=256, ge=1, le=10_000)
    """Most watchers at once."""

    # Rounds.
    round_wait_ms: int = Field(default=1_500, ge=0, le=60_000)
    """Longest wait of a call for its round to be through with a step, milliseconds."""
    closing_poll_ms: int = Field(default=1_000, ge=10, le=60_000)
    """Longest sleep before the wall clock is looked at again, which may jump, milliseconds."""
    peer_calls_max: int = Field(default=16, ge=1, le=1_024)
    """Calls to other shards that one round makes at the same time."""
    peer_call_ms: int = Field(default=5_000, ge=10, le=60_000)
    """Time that such a call, or one to settlement, gets, milliseconds; it is tried again then."""

    # Packets that nobody claims, and shards that run dry.
    leftover_moves: bool = True
    """Whether packets move between shards at all."""
    leftover_tick_ms: int = Field(default=200, ge=10, le=60_000)
    """Time between two looks at an open stock, and least time between two requests, milliseconds."""
    leftover_pause_ms_max: int = Field(default=2_000, ge=10, le=600_000)
    """Longest pause after nobody had anything to spare, milliseconds; the first one is a tick."""
    leftover_reserve_ms: int = Field(default=1_000, ge=10, le=600_000)
    """A shard keeps what it used in this time, and wants as much when it runs dry, milliseconds."""
    leftover_packets_min: int = Field(default=16, ge=1, le=65_536)
    """Packets that a dry shard asks for at least, however few it used."""
    leftover_packets_max: int = Field(default=4_096, ge=1, le=65_536)
    """Most packets that move at once."""
    leftover_peers_max: int = Field(default=4, ge=1, le=1_023)
    """Shards that are looked at before one of them is asked."""
    leftover_look_ms: int = Field(default=1_000, ge=10, le=60_000)
    """Time that such a look, or the request after it, gets, milliseconds; it is tried again then."""
    leftover_requests_max: int = Field(default=10_000, ge=1, le=1_000_000)
    """Most requests of one part; some 50 bytes each stay in memory."""

    # Fairness.
    beacon_notice_ms: int = Field(default=60_000, ge=0, le=31 * 86_400_000)
    """How long a round's commitment must have been public before the value of its beacon is accepted,
    milliseconds. It should be longer than the beacon's source lets anyone know its values beforehand."""
    draw_threads: int = Field(default=2, ge=1, le=64)
    """Draws of large parts that run at the same time, beside the loop."""
    draw_inline_packets_max: int = Field(default=20_000, ge=0, le=1_000_000)
    """Largest part that is drawn on the loop itself, packets: it takes some 4 ms."""
    proof_rounds_max: int = Field(default=64, ge=1, le=10_000)
    """Closed rounds whose proofs are kept at hand; others are asked of their home shard again."""

    # Lists.
    rounds_page_default: int = Field(default=20, ge=1, le=100)
    """Rounds on a page when the caller does not say."""
    packets_page_default: int = Field(default=10_000, ge=1, le=65_536)
    """Packets on a page when the caller does not say."""

    @property
    def round_limits(self) -> RoundLimits:
        """How large a round may be."""
        return RoundLimits(packets_max=self.round_packets_max, window_ms_max=self.round_window_ms_max)
