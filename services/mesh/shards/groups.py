"""Where shards keep what must last: one place for all of them, or one for each group."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Self

from services.mesh.shards.hashing import SHARD_COUNT_MAX

_RANGE = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?=")
# An address may have commas itself, as that of a PostgreSQL with several hosts: a group begins with numbers.
_BETWEEN = re.compile(r",(?=\d{1,4}(?:-\d{1,4})?=)")


@dataclass(frozen=True, slots=True)
class ShardGroup:
    """Shards, by number, that live in one place."""

    first: int
    last: int
    """Inclusive."""
    url: str


@dataclass(frozen=True, slots=True)
class ShardGroups:
    """Groups in the order of their shards, which never overlap."""

    groups: tuple[ShardGroup, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `0-1=postgresql://a/x,2-3=postgresql://b/y`, or one address for all shards.

        Raises ValueError, in words for whoever wrote it and without addresses, which may hold passwords.
        """
        if not _RANGE.match(text):
            return cls((ShardGroup(0, SHARD_COUNT_MAX - 1, text),))
        groups = sorted((_read(part) for part in _BETWEEN.split(text)), key=lambda group: group.first)
        for group, following in itertools.pairwise(groups):
            if following.first <= group.last:
                raise ValueError(f"shard {following.first} is in two groups")
        return cls(tuple(groups))

    def url(self, shard: int) -> str:
        """The address of a shard's place. Raises ValueError when no group has the shard."""
        for group in self.groups:
            if group.first <= shard <= group.last:
                return group.url
        raise ValueError(f"shard {shard} is in no group")

    def only(self) -> str | None:
        """The address where all shards live; None when there are groups."""
        one = self.groups[0]
        return one.url if one.last - one.first + 1 == SHARD_COUNT_MAX else None

    def urls(self) -> tuple[str, ...]:
        """All places, each once, in the order of their first shards."""
        return tuple(dict.fromkeys(group.url for group in self.groups))

    def check_all_in(self, shard_count: int) -> None:
        """Raises ValueError unless each shard from 0 to the count, exclusively, is in a group.

        Groups may have shards beyond: services with different counts can then share a setting.
        """
        for shard in range(shard_count):
            self.url(shard)


def _read(part: str) -> ShardGroup:
    match = _RANGE.match(part)
    if match is None or match.end() == len(part):
        raise ValueError("a group is written as 0-3=ADDRESS")
    first = int(match[1])
    last = first if match[2] is None else int(match[2])
    if not first <= last < SHARD_COUNT_MAX:
        raise ValueError(f"there is no group of shards {first}-{last}")
    return ShardGroup(first, last, part[match.end() :])
