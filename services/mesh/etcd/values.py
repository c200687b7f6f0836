"""What is read from and written to etcd, as plain values: no protobuf message leaves this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from etcdserverpb import rpc_pb2


@dataclass(frozen=True, slots=True)
class KeyValue:
    """A key and what the store knows about it."""

    key: str
    value: bytes
    create_revision: int
    """Revision at which the key came into being; stays while the key lives."""
    mod_revision: int
    """Revision of its last change."""
    version: int
    """Number of changes since creation; 1 for a new key."""
    lease_id: int
    """The lease it dies with; 0 for none."""


@dataclass(frozen=True, slots=True)
class Listing:
    """All keys under a prefix at one revision."""

    revision: int
    key_values: Sequence[KeyValue]


@dataclass(frozen=True, slots=True)
class Lease:
    """A granted lease."""

    lease_id: int
    ttl_s: int
    """What the server granted, seconds; it may be more than was asked."""


@dataclass(frozen=True, slots=True)
class Created:
    """Holds when the key was created at this revision; 0 means that it does not exist."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Modified:
    """Holds when the key's last change was at this revision; 0 means that it does not exist."""

    key: str
    revision: int


@dataclass(frozen=True, slots=True)
class Put:
    """Writes a key."""

    key: str
    value: bytes
    lease_id: int = 0


@dataclass(frozen=True, slots=True)
class Delete:
    """Deletes a key."""

    key: str


@dataclass(frozen=True, slots=True)
class Get:
    """Reads a key."""

    key: str


Condition: TypeAlias = Created | Modified
Operation: TypeAlias = Put | Delete | Get


@dataclass(frozen=True, slots=True)
class TxnResult:
    """What a transaction did."""

    succeeded: bool
    """Whether the conditions held, and so which list of operations was done."""
    revision: int
    reads: Sequence[KeyValue | None]
    """One answer for each `Get` among the operations done, in their order."""


def absent(key: str) -> Created:
    """Holds when the key does not exist."""
    return Created(key, 0)


def prefix_end(prefix: str) -> bytes:
    """The first key after all keys with the prefix: how etcd spells a prefix as a range."""
    if not prefix:
        raise ValueError("a prefix must not be empty: it would be the whole store")
    end = bytearray(prefix.encode())
    # UTF-8 never contains 0xFF, so the last byte can always be raised.
    end[-1] += 1
    return bytes(end)


def key_value_of(message: rpc_pb2.KeyValue) -> KeyValue:
    """Reads the wire's form. Raises UnicodeDecodeError for keys that are not UTF-8."""
    return KeyValue(
        key=message.key.decode(),
        value=message.value,
        create_revision=message.create_revision,
        mod_revision=message.mod_revision,
        version=message.version,
        lease_id=message.lease_id,
    )


def compare_of(condition: Condition) -> rpc_pb2.Compare:
    """Writes a condition in the wire's form."""
    match condition:
        case Created(key, revision):
            return rpc_pb2.Compare(target=rpc_pb2.Compare.CREATE, key=key.encode(), create_revision=revision)
        case Modified(key, revision):
            return rpc_pb2.Compare(target=rpc_pb2.Compare.MOD, key=key.encode(), mod_revision=revision)


def request_of(operation: Operation) -> rpc_pb2.RequestOp:
    """Writes an operation in the wire's form."""
    match operation:
        case Put(key, value, lease_id):
            put = rpc_pb2.PutRequest(key=key.encode(), value=value, lease_id=lease_id)
            return rpc_pb2.RequestOp(request_put=put)
        case Delete(key):
            return rpc_pb2.RequestOp(request_delete_range=rpc_pb2.DeleteRangeRequest(key=key.encode()))
        case Get(key):
            return rpc_pb2.RequestOp(request_range=rpc_pb2.RangeRequest(key=key.encode()))


def result_of(response: rpc_pb2.TxnResponse) -> TxnResult:
    """Reads what a transaction did."""
    reads = [
        key_value_of(answer.response_range.kvs[0]) if answer.response_range.kvs else None
        for answer in response.responses
        if answer.WhichOneof("response") == "response_range"
    ]
    return TxnResult(succeeded=response.succeeded, revision=response.header.revision, reads=tuple(reads))
