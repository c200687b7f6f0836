"""Moments as contracts carry them, and as the code counts them."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp


def timestamp(time_ms: int) -> Timestamp:
    """A contract's moment; `time_ms` since the Unix epoch."""
    seconds, rest_ms = divmod(time_ms, 1000)
    return Timestamp(seconds=seconds, nanos=rest_ms * 1_000_000)


def timestamp_or_none(time_ms: int) -> Timestamp | None:
    """A contract's moment, or None, which leaves a field unset, for 0."""
    return timestamp(time_ms) if time_ms else None


def milliseconds(moment: Timestamp) -> int:
    """Milliseconds since the Unix epoch; what is finer is cut off."""
    return moment.seconds * 1000 + moment.nanos // 1_000_000
