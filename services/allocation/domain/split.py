"""How a stock is split over shards."""

from __future__ import annotations

from dataclasses import replace

from services.allocation.domain.values import Packets


def split(whole: Packets, shard_count: int) -> list[Packets]:
    """Splits packets and budget over shards, exactly; a part that has packets is feasible if the whole is.

    Part `s` gets the packets from `s * count // shards` up to `(s + 1) * count // shards`, and the fen
    between the same shares of the budget: `budget * boundary // count`. So every packet has the same expected
    value, to the fraction of a fen, on whichever shard it is.

    A part of `n` packets gets between `floor(n * mean)` and `ceil(n * mean)` fen. The mean of the whole lies
    between min and max, and `n * min` and `n * max` are whole fen, so no part falls outside of them.
    """
    assert whole.feasible, f"only what is feasible can be split: {whole}"
    boundaries = [shard * whole.count // shard_count for shard in range(shard_count + 1)]
    budgets = [whole.budget_fen * boundary // whole.count for boundary in boundaries]
    parts = [
        replace(
            whole,
            count=boundaries[shard + 1] - boundaries[shard],
            budget_fen=budgets[shard + 1] - budgets[shard],
        )
        for shard in range(shard_count)
    ]
    assert sum(part.count for part in parts) == whole.count, "every packet is in one part"
    assert sum(part.budget_fen for part in parts) == whole.budget_fen, "every fen is in one part"
    return parts
