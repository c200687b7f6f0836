"""The keys and values under which a service's members, plan and shards stand in etcd."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.mesh.etcd.values import KeyValue
from services.mesh.shards.hashing import SHARD_COUNT_MAX
from services.mesh.shards.map import ShardOwner

_INSTANCE_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class Member:
    """A living instance of a service: `/hongbao/<service>/members/<instance>`, leased."""

    address: str
    """host:port, as given to a channel."""
    capacity: int
    """Share of the shards that it should get, relative to others; 0 while it leaves."""

    def encoded(self) -> bytes:
        """The value of the key."""
        return _encoded(asdict(self))


@dataclass(frozen=True, slots=True)
class ShardClaim:
    """Who holds a shard: `/hongbao/<service>/shards/<n>`, leased; the key's create-revision is the epoch."""

    owner: str
    """The instance."""
    address: str
    """host:port, as given to a channel."""
    is_serving: bool
    """False while the owner still loads the shard's state: callers see no owner yet."""

    def encoded(self) -> bytes:
        """The value of the key."""
        return _encoded(asdict(self))


class ServiceKeys:
    """The keys of one service."""

    def __init__(self, service: str) -> None:
        _check_name(service)
        self.service = service
        self.root = f"/hongbao/{service}/"
        self.members = f"{self.root}members/"
        self.shards = f"{self.root}shards/"
        self.refusals = f"{self.root}refusals/"
        self.ready = f"{self.root}ready/"
        self.plan = f"{self.root}plan"
        self.planner = f"{self.root}planner/"

    def member(self, instance: str) -> str:
        """The key of an instance. Raises ValueError for a name that is not one."""
        _check_name(instance)
        return f"{self.members}{instance}"

    def shard(self, shard: int) -> str:
        """The key of a shard."""
        return f"{self.shards}{shard}"

    def refusal(self, shard: int, instance: str) -> str:
        """The key by which an instance says that it cannot take a shard, as often as it tries."""
        return f"{self.refusals}{shard}/{instance}"

    def ready_for(self, shard: int) -> str:
        """The key by which the next owner of a shard says that it may be given now."""
        return f"{self.ready}{shard}"

    def shard_number(self, key: str) -> int | None:
        """The shard of a key; None for any other key."""
        return _number(key, self.shards)

    def seat_number(self, key: str) -> int | None:
        """The shard whose owner, or next owner, a key is about; None for any other key."""
        number = _number(key, self.shards)
        return _number(key, self.ready) if number is None else number

    def instance(self, key: str) -> str | None:
        """The instance of a member's key; None for any other key."""
        return key.removeprefix(self.members) if key.startswith(self.members) else None


def read_members(keys: ServiceKeys, entries: Mapping[str, KeyValue]) -> Mapping[str, Member]:
    """The members among the entries, by instance."""
    members = {}
    for key, entry in entries.items():
        instance = keys.instance(key)
        member = _member_of(entry.value) if instance is not None else None
        if instance is not None and member is not None:
            members[instance] = member
    return members


def read_plan(keys: ServiceKeys, entries: Mapping[str, KeyValue]) -> Mapping[int, str]:
    """The member that each shard is planned for; empty when there is no plan."""
    entry = entries.get(keys.plan)
    fields = _decoded(entry.value) if entry is not None else None
    owners = fields.get("owners") if fields is not None else None
    if not isinstance(owners, dict):
        return {}
    return {int(shard): str(owner) for shard, owner in owners.items() if shard.isdecimal()}


def read_refusals(keys: ServiceKeys, entries: Mapping[str, KeyValue]) -> Mapping[int, frozenset[str]]:
    """The instances that cannot take a shard, by shard."""
    refusals: dict[int, frozenset[str]] = {}
    for key in entries:
        digits, _, instance = key.removeprefix(keys.refusals).partition("/")
        if key.startswith(keys.refusals) and digits.isdecimal():
            refusals[int(digits)] = refusals.get(int(digits), frozenset()) | {instance}
    return refusals


def encode_plan(assignment: Mapping[int, str]) -> bytes:
    """The value of the plan's key."""
    return _encoded({"owners": {str(shard): owner for shard, owner in sorted(assignment.items())}})


def read_claim(entry: KeyValue) -> ShardClaim | None:
    """Reads the value of a shard's key; None when somebody wrote something else there."""
    return _claim_of(entry.value)


def read_owner(entry: KeyValue) -> ShardOwner | None:
    """Who serves the shard of a key; None while nobody does."""
    claim = read_claim(entry)
    if claim is None or not claim.is_serving:
        return None
    return ShardOwner(claim.owner, claim.address, entry.create_revision)


def _member_of(value: bytes) -> Member | None:
    fields = _decoded(value) or {}
    address, capacity = fields.get("address"), fields.get("capacity")
    if not isinstance(address, str) or not isinstance(capacity, int):
        return None
    return Member(address, max(0, capacity))


# All shards of an owner have the same value.
@functools.lru_cache(maxsize=SHARD_COUNT_MAX)
def _claim_of(value: bytes) -> ShardClaim | None:
    fields = _decoded(value)
    if fields is None:
        return None
    return ShardClaim(
        str(fields.get("owner")), str(fields.get("address")), bool(fields.get("is_serving", False))
    )


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()


def _decoded(value: bytes) -> Mapping[str, Any] | None:
    # A value that is not ours must not stop a service: it counts as absent.
    try:
        fields = json.loads(value)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def _number(key: str, prefix: str) -> int | None:
    digits = key.removeprefix(prefix)
    return int(digits) if digits != key and digits.isdecimal() else None


def _check_name(name: str) -> None:
    if not name or "/" in name or len(name) > _INSTANCE_LENGTH_MAX:
        raise ValueError(f"{name!r} cannot be part of a key: it must be short and without a slash")
