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

_BUCKET = 8
"""Slots in a bucket, one byte of its word for each."""
_FILLED = 4
"""Of these, how many are taken on average when all packets are won."""
_CROWDED = 7
"""Beyond this average, the table is built anew: searches would go on over too many buckets."""
_LATE_MAX = 1 << 16
"""Winners that may be missing in the table until the next search, which enters them: in 5 ms."""
_OCCUPIED = np.uint64(0x8080_8080_8080_8080)


class Winners:
    """People in the order in which they won: the n-th has packet n. Nobody is in it twice.

    A column of ids by packet, and beside it a hash table of the packets' indexes, made so that a whole batch
    is looked up at once and nearly everyone is settled by one look at memory. It consists of buckets of 8
    slots. A bucket has a word with one byte for each slot: 0 while that is free, else 128 and 7 bits of its
    person's hash. Slots are filled from the first on; who finds the bucket full goes on to the next one. A
    stranger is told from the winners by the bytes alone, but for one in 30, whose ids must be compared.

    Winners are entered when somebody is looked up next, all at once: who follows a journal adds thousands of
    records, and looks nobody up.

    18 bytes a packet, at most. All is laid out for the packets of the part, but the system gives memory only
    to pages that are written.
    """

    def __init__(self, packet_count: int) -> None:
        self._people = np.zeros(packet_count, np.int64)
        self._count = 0
        self._entered = 0
        self._lay_out_table(packet_count)

    def __len__(self) -> int:
        return self._count

    def reserve(self, packet_count: int) -> None:
        """Makes room for more packets, which came from other shards. Never takes room away.

        The hash table is built anew once it would be too crowded: at 40 ns a winner.
        """
        if packet_count <= len(self._people):
            return
        people = self._people[: self._count]
        self._people = np.zeros(max(packet_count, len(people) * 5 // 4), np.int64)
        self._people[: self._count] = people
        if packet_count > _CROWDED * len(self._words):
            self._lay_out_table(2 * packet_count)
            self._entered = 0
            self._enter_late()

    def people(self, start: int, stop: int) -> People:
        """The winners of packets from `start` up to `stop`, as a view that must not be written to."""
        return self._people[start : min(stop, self._count)]

    def find(self, people: People, mixed: Mixed) -> Indexes:
        """The packet of each person, -1 for those who have none. `mixed` is `mix64_column(people)`."""
        self._enter_late()
        found = np.full(len(people), -1, np.int64)
        buckets, marks = self._first_buckets(mixed), _marks(mixed)
        pending: Indexes | None = None  # Everyone.
        while len(buckets):
            words = self._words.take(buckets)
            alike = np.flatnonzero(words.view(np.uint8).reshape(-1, _BUCKET) == marks[:, np.newaxis])
            if len(alike):
                rows = alike // _BUCKET
                indexes = self._slots[buckets[rows] * _BUCKET + alike % _BUCKET].astype(np.int64)
                claimants = rows if pending is None else pending[rows]
                theirs = self._people[indexes] == people[claimants]
                found[claimants[theirs]] = indexes[theirs]
            # Only who meets a full bucket may be in the next one. There is always one with a free slot.
            full = np.flatnonzero((words & _OCCUPIED) == _OCCUPIED)
            onwards = full if pending is None else pending[full]
            still = found[onwards] < 0
            full, pending = full[still], onwards[still]
            buckets, marks = self._next_buckets(buckets[full]), marks[full]
        return found

    def add(self, people: People) -> None:
        """Gives the next packets to these people. Nobody of them may be there already or be named twice."""
        first = self._count
        assert first + len(people) <= len(self._people), "there are never more winners than packets"
        self._people[first : first + len(people)] = people
        self._count += len(people)
        if self._count - self._entered > _LATE_MAX:
            self._enter_late()

    def _enter_late(self) -> None:
        if self._entered < self._count:
            self._enter(self._entered, self._people[self._entered : self._count])
            self._entered = self._count

    def _enter(self, first: int, people: People) -> None:
        """Writes people into the table, with packets from `first` on."""
        mixed = mix64_column(people)
        pending = np.arange(first, first + len(people), dtype=np.uint32)
        buckets, marks = self._first_buckets(mixed), _marks(mixed)
        while len(pending):
            taken = np.bitwise_count(self._words.take(buckets) & _OCCUPIED)
            places = buckets * _BUCKET + taken
            free = taken < _BUCKET
            if not free.all():
                places[~free] = self._nowhere
            self._slots[places] = pending
            # Of several who wrote to one slot, one is there now; the others try again, behind it.
            entered = self._slots.take(places) == pending
            if entered.all() and free.all():
                self._bytes[places] = marks
                return
            entered &= free
            self._bytes[places[entered]] = marks[entered]
            left = np.flatnonzero(~entered)
            buckets = np.where(free[left], buckets[left], self._next_buckets(buckets[left]))
            pending, marks = pending[left], marks[left]

    def _lay_out_table(self, packet_count: int) -> None:
        # One bucket more than needed: the search for somebody always comes to an end.
        bucket_count = packet_count // _FILLED + 1
        self._words = np.zeros(bucket_count, np.uint64)
        self._bytes = self._words.view(np.uint8)
        # One more, which belongs to no bucket: who meets a full one writes there.
        self._slots = np.zeros(bucket_count * _BUCKET + 1, np.uint32)
        self._nowhere = bucket_count * _BUCKET

    def _first_buckets(self, mixed: Mixed) -> Indexes:
        # The upper bits: the lower ones are the shard's number, the same for everyone here.
        spread = (mixed >> np.uint64(32)) * np.uint64(len(self._words))
        return (spread >> np.uint64(32)).astype(np.int64)

    def _next_buckets(self, buckets: Indexes) -> Indexes:
        following = buckets + 1
        following[following == len(self._words)] = 0
        return following


def _marks(mixed: Mixed) -> NDArray[np.uint8]:
    """7 bits of each hash, none of which tell the bucket or the shard, below the bit of a taken slot."""
    return (mixed >> np.uint64(16)).astype(np.uint8) | np.uint8(128)
