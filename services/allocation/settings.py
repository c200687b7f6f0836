"""Every knob of allocation, beside those of the mesh."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from pydantic import Field

from services.allocation.domain.envelopes.limits import AskLimits, EnvelopeLimits
from services.allocation.domain.rounds import RoundLimits
from services.mesh.admission import Admission, rate_of
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
    claim_rounds_max: int = Field(default=1, ge=1, le=1_000)
    """While so many decisions of one part wait for the disk, what arrives waits to be decided together, until
    it is as much as one batch may be."""
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

    # Envelopes.
    envelope_calls_max: int = Field(default=256, ge=1, le=100_000)
    """Calls about envelopes and asks that one process works on at once, over all shards; more are refused, so
    that claims in rounds keep the rest of it."""
    envelope_calls_per_s: int = Field(default=500, ge=0, le=1_000_000)
    """The same for what comes in a second; 0: as many as come."""
    envelope_burst_ms: int = Field(default=500, ge=1, le=60_000)
    """As many of them as come in this time may come at once after a pause, milliseconds."""
    envelope_retry_delay_ms: int = Field(default=200, ge=1, le=60_000)
    """When a refused one may be tried again at the earliest, milliseconds."""
    envelope_retry_delay_ms_max: int = Field(default=10_000, ge=1, le=600_000)
    """Longest delay that those are told who are too many in a second, milliseconds."""
    envelope_fen_max: int = Field(default=20_000, ge=1, le=1_000_000_000_000)
    """Most that one envelope holds, or that is asked for, fen."""
    envelope_shares_max: int = Field(default=100, ge=1, le=10_000)
    """Most shares of one envelope."""
    envelope_share_fen_min: int = Field(default=1, ge=1, le=1_000_000)
    """The smallest that a share may be, fen. Of each envelope, as it was when it was sent."""
    envelope_note_characters_max: int = Field(default=50, ge=0, le=500)
    """Most characters that people write on an envelope or an ask."""
    envelope_expiry_ms: int = Field(default=86_400_000, ge=1_000, le=31 * 86_400_000)
    """From sending an envelope to the moment at which what is left goes back, milliseconds."""
    envelope_funding_ms: int = Field(default=600_000, ge=1_000, le=86_400_000)
    """From sending an envelope to the last moment at which settlement takes its money, milliseconds."""
    envelope_funding_calls_max: int = Field(default=64, ge=1, le=10_000)
    """Calls to settlement for the envelopes of one shard at the same time."""
    envelope_wait_ms: int = Field(default=1_500, ge=0, le=60_000)
    """Longest wait of a call for settlement to hold an envelope's money, milliseconds."""
    envelope_call_ms: int = Field(default=1_500, ge=10, le=60_000)
    """Time that a call to social, or to another shard for a share, gets, milliseconds."""
    envelope_members_remember_ms: int = Field(default=2_000, ge=0, le=60_000)
    """How long somebody who was found in a group counts as its member without asking again, milliseconds: so
    long may a removal take to be seen. 0 asks every time."""
    envelope_members_remembered_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Most members of groups that one process remembers so."""
    envelope_depth_max: int = Field(default=5, ge=0, le=100)
    """How often a packet may be sent on, from hand to hand."""
    envelopes_open_per_person_max: int = Field(default=100, ge=1, le=100_000)
    """Most envelopes of one sender that are not claimed, expired or refused."""
    envelopes_kept_per_person_max: int = Field(default=2_000, ge=1, le=10_000_000)
    """Most envelopes of one sender that are kept, ended ones included: nobody fills a shard alone."""
    envelopes_per_shard_max: int = Field(default=200_000, ge=1, le=10_000_000)
    """Most envelopes of one shard, ended ones included; one takes 2 KB, and 0.2 KB for each claimed share."""
    envelopes_pending_max: int = Field(default=4_096, ge=1, le=1_000_000)
    """Most envelopes of one shard that wait for settlement; more are refused."""
    envelopes_kept_ms: int = Field(default=7 * 86_400_000, ge=1_000, le=366 * 86_400_000)
    """How long envelopes and asks are kept after their end, milliseconds."""
    reissue_ms: int = Field(default=3 * 86_400_000, ge=1_000, le=31 * 86_400_000)
    """From getting a packet (of a round: from its closing) to the last moment at which it can be sent on,
    milliseconds."""
    reissue_funds_wait_ms: int = Field(default=10_000, ge=0, le=600_000)
    """How long the money of a packet that is sent on may be on its way to the wallet, milliseconds: as long
    as it is missing there, settlement is asked again, and the sender is told to wait."""
    asks_open_per_person_max: int = Field(default=200, ge=1, le=100_000)
    """Most open asks to one person."""
    asks_kept_per_person_max: int = Field(default=2_000, ge=1, le=10_000_000)
    """Most asks to one person that are kept, ended ones included."""
    asks_open_per_pair_max: int = Field(default=3, ge=1, le=1_000)
    """Most open asks of one person to one other."""
    asks_per_shard_max: int = Field(default=100_000, ge=1, le=10_000_000)
    """Most asks of one shard, ended ones included."""
    ask_expiry_ms: int = Field(default=86_400_000, ge=1_000, le=31 * 86_400_000)
    """From asking to the moment at which an ask cannot be answered any more, milliseconds."""

    # Lists.
    envelopes_page_default: int = Field(default=20, ge=1, le=100)
    """Envelopes, or asks, on a page when the caller does not say."""
    shares_page_default: int = Field(default=100, ge=1, le=1_000)
    """Shares on a page when the caller does not say."""
    rounds_page_default: int = Field(default=20, ge=1, le=100)
    """Rounds on a page when the caller does not say."""
    packets_page_default: int = Field(default=10_000, ge=1, le=65_536)
    """Packets on a page when the caller does not say."""

    @property
    def round_limits(self) -> RoundLimits:
        """How large a round may be."""
        return RoundLimits(packets_max=self.round_packets_max, window_ms_max=self.round_window_ms_max)

    def envelope_admission(self, now_s: Callable[[], float]) -> Admission:
        """How many calls about envelopes and asks a process takes on."""
        per_s, burst_ms = self.envelope_calls_per_s, self.envelope_burst_ms
        rate = rate_of(per_s, burst_ms, self.envelope_retry_delay_ms_max, now_s)
        return Admission("envelope", self.envelope_calls_max, self.envelope_retry_delay_ms, rate)

    @property
    def envelope_limits(self) -> EnvelopeLimits:
        """How much people may do with envelopes."""
        return EnvelopeLimits(
            amount_fen_max=self.envelope_fen_max,
            share_count_max=self.envelope_shares_max,
            share_fen_min=self.envelope_share_fen_min,
            note_characters_max=self.envelope_note_characters_max,
            open_per_person_max=self.envelopes_open_per_person_max,
            kept_per_person_max=self.envelopes_kept_per_person_max,
            per_shard_max=self.envelopes_per_shard_max,
            pending_max=self.envelopes_pending_max,
            depth_max=self.envelope_depth_max,
            expiry_ms=self.envelope_expiry_ms,
            funding_ms=self.envelope_funding_ms,
            reissue_ms=self.reissue_ms,
        )

    @property
    def ask_limits(self) -> AskLimits:
        """How much people may ask for."""
        return AskLimits(
            amount_fen_max=self.envelope_fen_max,
            note_characters_max=self.envelope_note_characters_max,
            open_per_giver_max=self.asks_open_per_person_max,
            open_per_pair_max=self.asks_open_per_pair_max,
            kept_per_giver_max=self.asks_kept_per_person_max,
            per_shard_max=self.asks_per_shard_max,
            expiry_ms=self.ask_expiry_ms,
        )
