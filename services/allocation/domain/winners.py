"""Who won, in a few bytes a person: the index from person to packet of one part of a stock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.mesh.shards.hashing import mix64_column

People = NDArray[np.int64]
"""Ids of people."""
Indexes = NDArray[np.int64]
"""Indexes of packets; -1 for none."""
Mixed = NDArray[np.uint64]
"""Ids of people after `mix64_column`: its lower bits tell the shard, its upper bits the place here."""

_FREE = 0


class Winners:
    """People in the order in which they won: the n-th has packet n. Nobody is in it twice.

    A column of ids by packet, and beside it a hash table with open addressing (linear probing, at most half
    full) of the packets' indexes: 16 to 24 bytes a packet, and whole batches are looked up at once. Both are
    laid out for all packets of the part, but the system gives memory only to pages that are written.
    """

    def __init__(self, packet_count: int) -> None:
        bits = max(3, (2 * packet_count - 1).bit_length())
        self._people = np.zeros(packet_count, np.int64)
        # A slot has the packet's index + 1.
        self._slots = np.zeros(1 << bits, np.uint32)
        self._shift = np.uint64(64 - bits)
        self._mask = (1 << bits) - 1
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def reserve(self, packet_count: int) -> None:
        """Makes room for more packets, which came from other shards. Never takes room away.

        The hash table is built anew once it would be more than three quarters full: at 40 ns a winner.
        """
        if packet_count <= len(self._people):
            return
        people = self._people[: self._count]
        self._people = np.zeros(max(packet_count, len(people) * 5 // 4), np.int64)
        self._people[: self._count] = people
        if 4 * packet_count > 3 * len(self._slots):
            grown = Winners(2 * packet_count)
            grown.add(people)
            self._slots, self._shift, self._mask = grown._slots, grown._shift, grown._mask

    def people(self, start: int, stop: int) -> People:
        """The winners of packets from `start` up to `stop`, as a view that must not be written to."""
        return self._people[start : min(stop, self._count)]

    def find(self, people: People, mixed: Mixed) -> Indexes:
        """The packet of each person, -1 for those who have none. `mixed` is `mix64_column(people)`."""
        found = np.full(len(people), -1, np.int64)
        pending = np.arange(len(people))
        places = self._first_places(mixed)
        # Every round settles those whose place is free or theirs. The table is at most half full, so few
        # rounds are needed, and there is always a free place to end at.
        while len(pending):
            indexes = self._slots[places].astype(np.int64) - 1
            taken = indexes >= 0
            theirs = taken & (self._people[indexes] == people[pending])
            found[pending[theirs]] = indexes[theirs]
            onwards = taken & ~theirs
            pending = pending[onwards]
            places = (places[onwards] + 1) & self._mask
        return found

    def add(self, people: People) -> None:
        """Gives the next packets to these people. Nobody of them may be there already or be named twice."""
        first = self._count
        assert first + len(people) <= len(self._people), "there are never more winners than packets"
        self._people[first : first + len(people)] = people
        self._count += len(people)
        pending = np.arange(first + 1, self._count + 1, dtype=np.uint32)
        places = self._first_places(mix64_column(people))
        while len(pending):
            free = self._slots[places] == _FREE
            self._slots[places[free]] = pending[free]
            # Of several who wrote to one place, one is there now; the others go on to the next.
            onwards = self._slots[places] != pending
            pending = pending[onwards]
            places = (places[onwards] + 1) & self._mask

    def _first_places(self, mixed: Mixed) -> Indexes:
        # The upper bits: the lower ones are the shard's number, the same for everyone here.
        return (mixed >> self._shift).astype(np.int64)
