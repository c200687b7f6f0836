"""How much people may do with envelopes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EnvelopeLimits:
    """Bounds of envelopes; settings give them."""

    amount_fen_max: int
    share_count_max: int
    share_fen_min: int
    note_characters_max: int
    open_per_person_max: int
    """Envelopes of one sender that are pending or open."""
    kept_per_person_max: int
    """Envelopes of one sender, ended ones included: those of a few must not be all that a shard can keep."""
    per_shard_max: int
    """Envelopes of a shard, ended ones included."""
    pending_max: int
    """Envelopes of a shard that wait for settlement."""
    depth_max: int
    """How often a packet may be sent on."""
    expiry_ms: int
    """From sending to the end of claims."""
    funding_ms: int
    """From sending to the moment at which settlement does not take the money any more."""
    reissue_ms: int
    """From getting a packet to the moment at which it cannot be sent on any more."""


@dataclass(frozen=True, slots=True)
class AskLimits:
    """Bounds of asks; settings give them."""

    amount_fen_max: int
    note_characters_max: int
    open_per_giver_max: int
    open_per_pair_max: int
    """Open asks of one person to one other."""
    kept_per_giver_max: int
    """Asks to one person, ended ones included."""
    per_shard_max: int
    """Asks of a shard, ended ones included."""
    expiry_ms: int
    """From asking to the end of answers."""
