"""What is done with a shard while it is owned: the port between ownership and the journal's shard host."""

from __future__ import annotations

from typing import Protocol


class ShardHandler(Protocol):
    """Serves shards: `ShardHost` is one.

    Calls for one shard never overlap, except that `lose` may come while `take` or `give` runs: that call is
    then cancelled first, and `lose` follows. Calls for different shards run concurrently.
    """

    async def warm(self, shard: int) -> None:
        """Loads what can be loaded of a shard that another instance still serves, so that `take` is quick.

        A `take` that follows goes on from there, whether this has returned or not. Raising is logged, and
        `take` does without.
        """
        ...

    def cool(self, shard: int) -> None:
        """Forgets what `warm` loaded: the shard is not to be taken after all. Must not raise."""
        ...

    async def take(self, shard: int, epoch: int) -> None:
        """Fences the journal with the epoch, loads the state, begins to serve.

        The shard is announced to callers only after this returns. Raising (for example `EpochFenced`) means
        nothing was taken and nothing is left running: ownership lets go of the key and tries again later
        under a higher epoch.
        """
        ...

    async def give(self, shard: int, *, to_warm: bool = False) -> None:
        """Planned handoff: stops accepting, flushes what was accepted, closes. The key is released after it.

        `to_warm` tells that the next owner has loaded the state: it needs nothing that makes loading quick.
        Raising is logged and the key is released nevertheless: the next owner's fence protects the record.
        """
        ...

    async def lose(self, shard: int) -> None:
        """The lease is gone, and someone else may own the shard already: stop at once, flush nothing.

        May follow a `take` that was cancelled half-way, so it cleans up whatever is there. Must not raise.
        """
        ...
