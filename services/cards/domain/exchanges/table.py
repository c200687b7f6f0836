"""Every exchange of a game that a shard knows, in columns.

Rows are added and never taken away: what has ended is the memory that makes asking again harmless, and after
the game's deadline there is nothing left to begin. How many a person can add is a matter of limits.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.cards.domain.exchanges.events import ExchangesOpened
from services.cards.domain.exchanges.identity import REQUEST_BYTES, ExchangeKey, exchange_key
from services.cards.domain.exchanges.machine import BEGINNING, WAITING, ExchangeKind, ExchangeState
from services.cards.domain.vocabulary import Card, PersonId

GIVER_HERE, RECEIVER_HERE = 1, 2
"""Bits of a row's sides: who is of this shard. Without the giver it is another shard's, and only followed."""
NO_ROW = -1
"""Stands where a person has no older row."""
_ROW_BITS = 32
_ROW_MASK = (1 << _ROW_BITS) - 1
# A tuple's place is found faster than an enum's value, and this is done for every gift several times.
_KINDS = (ExchangeKind.GIFT, *ExchangeKind)
_STATES = (ExchangeState.OFFERED, *ExchangeState)
CARD_OF = (Card.PATRIOTISM, *Card)
"""Cards by their number, from 1."""
_WAITING = frozenset(state.value for state in WAITING)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One row."""

    kind: ExchangeKind
    state: ExchangeState
    giver_id: PersonId
    receiver_id: PersonId
    card: Card
    request_id: bytes
    """16 bytes."""
    opened_at_ms: int
    expires_at_ms: int
    """The first millisecond in which it can only have expired."""
    ended_at_ms: int = 0
    """0 while it has not ended."""

    @property
    def key(self) -> ExchangeKey:
        """Its identity in its campaign."""
        return exchange_key(self.kind, self.giver_id, self.receiver_id, self.request_id)


@dataclass(frozen=True, slots=True)
class ExchangeColumns:
    """All rows, for a snapshot: numbers of the machine's byte order, end to end."""

    giver_ids: bytes
    receiver_ids: bytes
    receiver_shards: bytes
    request_ids: bytes
    kinds: bytes
    cards: bytes
    states: bytes
    opened_at_ms: bytes
    expires_at_ms: bytes
    ended_at_ms: bytes
    sides: bytes


class ExchangeTable:
    """Rows by key, by person and by expiry."""

    __slots__ = (
        "_due",
        "_giver_links",
        "_heads",
        "_receiver_links",
        "_rows",
        "cards",
        "ended_at_ms",
        "expires_at_ms",
        "giver_ids",
        "kinds",
        "opened_at_ms",
        "receiver_ids",
        "receiver_shards",
        "request_ids",
        "sides",
        "states",
    )

    def __init__(self) -> None:
        self.giver_ids, self.receiver_ids = array("q"), array("q")
        self.receiver_shards = array("H")
        self.request_ids = bytearray()
        """16 bytes a row."""
        self.kinds, self.cards, self.states, self.sides = (bytearray() for _ in range(4))
        self.opened_at_ms, self.expires_at_ms, self.ended_at_ms = (array("q") for _ in range(3))
        self._rows: dict[ExchangeKey, int] = {}
        self._heads: dict[int, int] = {}
        """The newest row of each person of this shard."""
        self._giver_links, self._receiver_links = array("q"), array("q")
        """The next older row of the giver, and of the receiver."""
        self._due: list[int] = []
        """A heap of expiries and rows in one number each, of what may not have ended."""

    def __len__(self) -> int:
        return len(self.states)

    def row_of(self, key: ExchangeKey) -> int | None:
        """The row of an exchange, None for an unknown one."""
        return self._rows.get(key)

    def waits(self, row: int, now_ms: int) -> bool:
        """Whether something can still become of it."""
        return self.states[row] in _WAITING and now_ms < self.expires_at_ms[row]

    def exchange(self, row: int) -> Exchange:
        """What is in a row."""
        return Exchange(
            kind=_KINDS[self.kinds[row]],
            state=_STATES[self.states[row]],
            giver_id=PersonId(self.giver_ids[row]),
            receiver_id=PersonId(self.receiver_ids[row]),
            card=CARD_OF[self.cards[row]],
            request_id=bytes(self.request_ids[row * REQUEST_BYTES : (row + 1) * REQUEST_BYTES]),
            opened_at_ms=self.opened_at_ms[row],
            expires_at_ms=self.expires_at_ms[row],
            ended_at_ms=self.ended_at_ms[row],
        )

    def has_rows_of(self, person_id: PersonId) -> bool:
        """Whether there are any of a person of this shard."""
        return person_id in self._heads

    def rows_of(self, person_id: PersonId, newest: int | None = None) -> Iterator[int]:
        """The rows of a person of this shard, the newest first, from a row of theirs on that is named."""
        row = self._heads.get(person_id, NO_ROW) if newest is None else newest
        while row != NO_ROW:
            yield row
            is_giver = self.giver_ids[row] == person_id and self.sides[row] & GIVER_HERE
            row = (self._giver_links if is_giver else self._receiver_links)[row]

    def due(self, now_ms: int, limit: int) -> list[int]:
        """At most so many rows of givers of this shard that can only have expired by now, by expiry."""
        end, heap, due = now_ms + 1 << _ROW_BITS, self._due, list[int]()
        while heap and heap[0] < end and len(due) < limit:
            entry = heapq.heappop(heap)
            if self.states[entry & _ROW_MASK] in _WAITING:
                due.append(entry)
        # They are due until their end is on record.
        for entry in due:
            heapq.heappush(heap, entry)
        return [entry & _ROW_MASK for entry in due]

    def begin(self, opened: ExchangesOpened, sides: Sequence[int], receiver_shards: Sequence[int]) -> None:
        """Adds rows at the end: all that a record begins."""
        first, count = len(self.states), len(opened.cards)
        self.giver_ids.extend(opened.giver_ids)
        self.receiver_ids.extend(opened.receiver_ids)
        self.receiver_shards.extend(receiver_shards)
        self.request_ids += opened.request_ids
        self.kinds += bytes((opened.kind,)) * count
        self.cards += bytes(opened.cards)
        self.states += bytes((BEGINNING[opened.kind],)) * count
        self.sides += bytes(sides)
        self.opened_at_ms.extend([opened.opened_at_ms] * count)
        self.expires_at_ms.extend([opened.expires_at_ms] * count)
        self.ended_at_ms.extend([0] * count)
        for row in range(first, first + count):
            self._find_again(row)

    def end(self, row: int, state: int, ended_at_ms: int) -> None:
        """Ends what waits."""
        assert self.states[row] in _WAITING, "an exchange ends once"
        assert state not in _WAITING, "an end is an end"
        self.states[row] = state
        self.ended_at_ms[row] = ended_at_ms

    def columns(self) -> ExchangeColumns:
        """All rows, to be kept."""
        return ExchangeColumns(
            giver_ids=self.giver_ids.tobytes(),
            receiver_ids=self.receiver_ids.tobytes(),
            receiver_shards=self.receiver_shards.tobytes(),
            request_ids=bytes(self.request_ids),
            kinds=bytes(self.kinds),
            cards=bytes(self.cards),
            states=bytes(self.states),
            opened_at_ms=self.opened_at_ms.tobytes(),
            expires_at_ms=self.expires_at_ms.tobytes(),
            ended_at_ms=self.ended_at_ms.tobytes(),
            sides=bytes(self.sides),
        )

    def restore(self, kept: ExchangeColumns) -> None:
        """Fills an empty table."""
        assert not self.states, "only an empty table is restored"
        self.giver_ids.frombytes(kept.giver_ids)
        self.receiver_ids.frombytes(kept.receiver_ids)
        self.receiver_shards.frombytes(kept.receiver_shards)
        self.request_ids += kept.request_ids
        self.kinds += kept.kinds
        self.cards += kept.cards
        self.states += kept.states
        self.opened_at_ms.frombytes(kept.opened_at_ms)
        self.expires_at_ms.frombytes(kept.expires_at_ms)
        self.ended_at_ms.frombytes(kept.ended_at_ms)
        self.sides += kept.sides
        for row in range(len(self.states)):
            self._find_again(row)

    def _find_again(self, row: int) -> None:
        """Puts a new row under its key, before the older ones of its people, and among what may expire."""
        sides, giver_id, receiver_id = self.sides[row], self.giver_ids[row], self.receiver_ids[row]
        request_id = bytes(self.request_ids[row * REQUEST_BYTES : (row + 1) * REQUEST_BYTES])
        key = exchange_key(_KINDS[self.kinds[row]], giver_id, receiver_id, request_id)
        assert key not in self._rows, "an exchange begins once"
        self._rows[key] = row
        giver_link = receiver_link = NO_ROW
        if sides & GIVER_HERE:
            giver_link = self._heads.get(giver_id, NO_ROW)
            self._heads[giver_id] = row
            if self.states[row] in _WAITING:
                heapq.heappush(self._due, self.expires_at_ms[row] << _ROW_BITS | row)
        if sides & RECEIVER_HERE:
            receiver_link = self._heads.get(receiver_id, NO_ROW)
            self._heads[receiver_id] = row
        self._giver_links.append(giver_link)
        self._receiver_links.append(receiver_link)
