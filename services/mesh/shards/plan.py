"""Which member should own which shard: a pure function, balanced and moving as little as possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Move:
    """A shard that changes from one living member to another."""

    shard: int
    giver: str
    taker: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Where every shard should be."""

    assignment: Mapping[int, str]
    """Member of each shard; empty when there is nobody to own anything."""
    moves: Sequence[Move]
    """What must move to get there, by shard. Shards without a living owner are not moved but given."""


def plan(members: Mapping[str, int], current: Mapping[int, str], shard_count: int) -> Plan:
    """Assigns every shard to a member, by capacity: each gets its exact share, rounded down or up.

    Args:
        members: capacity of each living member; twice the capacity is twice the shards. A member with
            capacity 0 is leaving and gets nothing.
        current: who owns what, as far as anybody does; owners that are not members own nothing.
        shard_count: shards are numbered from 0 to this, exclusively.

    Returns:
        The same plan for the same arguments. No plan that is as balanced has fewer moves, and the plan of a
        plan has none.
    """
    quotas = _quotas(members, Counter(current.values()), shard_count)
    assignment: dict[int, str] = {}
    room = dict(quotas)
    # Members keep their lowest shards, so that everybody computes the same.
    for shard in range(shard_count):
        owner = current.get(shard)
        if owner is not None and room.get(owner, 0) > 0:
            assignment[shard] = owner
            room[owner] -= 1
    takers = [member for member in sorted(room) for _ in range(room[member])]
    free = [shard for shard in range(shard_count) if shard not in assignment] if quotas else []
    assignment.update(zip(free, takers, strict=True))
    return Plan(assignment, _moves(members, current, assignment))


def without_refused(
    members: Mapping[str, int],
    current: Mapping[int, str],
    target: Mapping[int, str],
    refusals: Mapping[int, AbstractSet[str]],
) -> Mapping[int, str]:
    """The target, with every shard away from members that cannot take it, as far as there are others.

    Such a shard stays where it is, or goes to whoever has the least for its capacity. So the plan may be out
    of balance by the shards that were refused, and is not changed again for their sake.
    """
    assignment = dict(target)
    load = Counter(target.values())
    for shard, taker in sorted(target.items()):
        unable = refusals.get(shard, frozenset())
        able = [member for member, capacity in sorted(members.items()) if capacity and member not in unable]
        if taker not in unable or not able:
            continue
        owner = current.get(shard)
        # As fractions are compared: whole numbers only, so that everybody computes the same.
        least = min(able, key=lambda member: (Fraction(load[member] + 1, members[member]), member))
        assignment[shard] = chosen = owner if owner in able else least
        load[taker] -= 1
        load[chosen] += 1
    return assignment


def next_step(
    members: Mapping[str, int], current: Mapping[int, str], target: Mapping[int, str], moves_max: int
) -> Mapping[int, str]:
    """The plan to follow next on the way to the target: at most `moves_max` moves away from the present.

    Shards without a living owner go where they belong at once: nobody serves them meanwhile.
    """
    moving = {move.shard for move in _moves(members, current, target)[:moves_max]}
    return {
        shard: taker
        if shard in moving or (owner := current.get(shard)) is None or owner not in members
        else owner
        for shard, taker in target.items()
    }


def _quotas(members: Mapping[str, int], owned: Mapping[str, int], shard_count: int) -> dict[str, int]:
    """How many shards each member gets: its share rounded down, or up where rounding left some over."""
    total = sum(members.values())
    if total == 0:
        return {}
    quotas = {member: shard_count * capacity // total for member, capacity in members.items()}
    # Where a share is whole, rounding up would be unfair; elsewhere the one more goes first to members that
    # have it already, for each such choice saves a move, and then to those who lost most by rounding.
    rounded = [member for member, capacity in members.items() if shard_count * capacity % total]
    rounded.sort(
        key=lambda member: (
            owned.get(member, 0) <= quotas[member],
            -(shard_count * members[member] % total),
            member,
        )
    )
    for member in rounded[: shard_count - sum(quotas.values())]:
        quotas[member] += 1
    return quotas


def _moves(
    members: Mapping[str, int], current: Mapping[int, str], assignment: Mapping[int, str]
) -> Sequence[Move]:
    return tuple(
        Move(shard, owner, taker)
        for shard, taker in sorted(assignment.items())
        if (owner := current.get(shard)) is not None and owner in members and owner != taker
    )
