"""What is done with a shard while it is owned: the port between ownership and the journal's shard host."""

from __future__ import annotations

from typing import Protocol


class ShardHandler(Protocol):
    """Serves shards: `ShardHost` is one.

    Calls for one shard never overlap, except that `lose` may come while `take` or `give` runs: that call is
    then cancelled first, and `lose` follows. Calls for different shards run concurrently.
    """

    async def take(self, shard: int, epoch: int) -> None:
        """Fences the journal with the epoch, loads the state, begins to serve.

        The shard is announced to callers only after this returns. Raising (for example `EpochFenced`) means
        nothing was taken and nothing is left running: ownership lets go of the key and tries again later
        under a higher epoch.
        """
        ...

    async def give(self, shard: int) -> None:
        """Planned handoff: stops accepting, flushes what was accepted, closes. The key is released after it.

        Raising is logged and the key is released nevertheless: the next owner's fence protects the record.
        """
        ...

    async def lose(self, shard: int) -> None:
        """The lease is gone, and someone else may own the shard already: stop at once, flush nothing.

        May follow a `take` that was cancelled half-way, so it cleans up whatever is there. Must not raise.
        """
        ...
