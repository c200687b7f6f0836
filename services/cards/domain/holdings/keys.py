"""What earned cards: source keys as numbers, each text kept once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.cards.domain.holdings.columns import Hashes, People, Rows, with_room
from services.cards.domain.holdings.kept import KeptKeys
from services.cards.domain.holdings.row_index import RowIndex
from services.cards.domain.vocabulary import Source
from services.mesh.shards.hashing import mix64_column

_ID_MAX = 2**63 - 1

Codes = NDArray[np.int64]
"""What deals are compared by: the friend's id where a friend earned it, else -1 less the key's number."""


class Keys:
    """Every (source, text) that earned a card, numbered from 0 in the order in which they came.

    A round's id earns cards for everyone and is kept once. The key of a new friendship says nothing but who
    the two are, so it is not kept here: see `friend_of`.
    """

    def __init__(self) -> None:
        self._count = 0
        self._sources = np.zeros(0, np.uint8)
        self._ends = np.zeros(0, np.uint32)
        self._hashes = np.zeros(0, np.int64)
        self._texts = np.zeros(0, np.uint8)
        self._index = RowIndex(lambda rows: _mixed(self._hashes[rows]))

    def __len__(self) -> int:
        return self._count

    @property
    def _text_end(self) -> int:
        return int(self._ends[self._count - 1]) if self._count else 0

    def source(self, number: int) -> Source:
        """What was done."""
        return Source(int(self._sources[number]))

    def text(self, number: int) -> str:
        """The key's text."""
        return self._bytes_of(number).decode()

    def numbers(self, source: Source, texts: Sequence[str]) -> Rows:
        """The number of each key. A new one gets one as if it were added, the same if it comes again."""
        numbers = self._find(source, texts)
        new = dict[str, int]()
        for item in np.flatnonzero(numbers < 0).tolist():
            numbers[item] = self._count + new.setdefault(texts[item], len(new))
        return numbers

    def add(self, source: Source, texts: Sequence[str]) -> Rows:
        """The number of each key, which is kept from now on."""
        numbers = self.numbers(source, texts)
        first = self._count
        # In the order of the batch, so that replay gives the same numbers.
        new, items = np.unique(numbers, return_index=True)
        items = items[new >= first]
        if len(items):
            self._keep(source, [texts[item] for item in items.tolist()])
        return numbers

    def kept(self) -> KeptKeys:
        """All of them, for a snapshot."""
        count = self._count
        return KeptKeys(self._sources[:count], self._ends[:count], self._texts[: self._text_end])

    @classmethod
    def of_kept(cls, kept: KeptKeys) -> Keys:
        """The inverse of `kept`."""
        keys = cls()
        ends, content = kept.ends.tolist(), kept.texts.tobytes()
        texts = [content[start:end].decode() for start, end in zip([0, *ends], ends, strict=False)]
        if texts:
            keys._keep(kept.sources, texts)
        return keys

    def _keep(self, source: Source | NDArray[np.uint8], texts: Sequence[str]) -> None:
        first, count = self._count, self._count + len(texts)
        self._sources = with_room(self._sources, count)
        self._ends = with_room(self._ends, count)
        self._hashes = with_room(self._hashes, count)
        self._sources[first:count] = source
        self._hashes[first:count] = _hashes(source, texts)
        encoded = [text.encode() for text in texts]
        start = self._text_end
        ends = start + np.cumsum([len(text) for text in encoded])
        assert ends[-1] < 1 << 32, "texts end where 32 bits can tell"
        self._ends[first:count] = ends
        self._texts = with_room(self._texts, int(ends[-1]))
        self._texts[start : ends[-1]] = np.frombuffer(b"".join(encoded), np.uint8)
        self._count = count
        self._index.enter(np.arange(first, count), _mixed(self._hashes[first:count]))

    def _find(self, source: Source, texts: Sequence[str]) -> Rows:
        hashes = _hashes(source, texts)

        def are_equal(rows: Rows, items: Rows) -> NDArray[np.bool_]:
            equal: NDArray[np.bool_] = (self._hashes[rows] == hashes[items]) & (self._sources[rows] == source)
            # Two texts may have one hash: what counts is the text.
            for place in np.flatnonzero(equal).tolist():
                equal[place] = self._bytes_of(int(rows[place])) == texts[int(items[place])].encode()
            return equal

        return self._index.find(_mixed(hashes), are_equal)

    def _bytes_of(self, number: int) -> bytes:
        start = int(self._ends[number - 1]) if number else 0
        return self._texts[start : int(self._ends[number])].tobytes()


def friend_of(person_id: int, source: Source, text: str) -> int:
    """The friend that a person's card was earned with; 0 if the key does not say that, as "low-high" does."""
    if source is not Source.FRIEND:
        return 0
    low, dash, high = text.partition("-")
    if not dash or not low.isdecimal() or not high.isdecimal():
        return 0
    friend = int(high) if low == str(person_id) else int(low) if high == str(person_id) else 0
    return friend if friend <= _ID_MAX and text == friend_key(person_id, friend) else 0


def friend_key(person_id: int, friend_id: int) -> str:
    """The key of two friends: the pair, so that parting and meeting again earns nothing."""
    return f"{min(person_id, friend_id)}-{max(person_id, friend_id)}"


def friends_of(people: People, source: Source, texts: Sequence[str]) -> People:
    """`friend_of` for each of a batch; `texts` has one element for all, or one for each."""
    if source is not Source.FRIEND:
        return np.zeros(len(people), np.int64)
    told = texts if len(texts) > 1 else list(texts) * len(people)
    return np.array(
        [friend_of(person_id, source, text) for person_id, text in zip(people.tolist(), told, strict=True)],
        np.int64,
    )


def _hashes(source: Source | NDArray[np.uint8], texts: Sequence[str]) -> NDArray[np.int64]:
    # Python's own hash differs from process to process, and never leaves this one.
    return np.fromiter(map(hash, texts), np.int64, len(texts)) ^ source


def _mixed(hashes: NDArray[np.int64]) -> Hashes:
    return mix64_column(hashes)
