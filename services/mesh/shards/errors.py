"""What can go wrong with a shard that an instance holds, or no longer holds."""

from __future__ import annotations

from services.mesh.errors import ErrorKind, ServiceError


class ShardNotOwned(ServiceError):
    """This instance does not hold the shard. Nothing was done; ask the owner.

    Metadata: `shard`; `owner` (host:port) when it is known.
    """

    kind = ErrorKind.PRECONDITION
    reason = "SHARD_NOT_OWNED"


class ShardLost(ServiceError):
    """The shard's journal refused or failed while a decision was on its way into it.

    The decision was not acknowledged and may or may not be in the journal: ask again with the same key.
    Metadata: `shard`, `epoch`.
    """

    kind = ErrorKind.UNAVAILABLE
    reason = "SHARD_LOST"
    retry_delay_ms = 100


class ShardOverloaded(ServiceError):
    """More decisions wait for the disk than settings allow. Nothing was done; try again a little later.

    Metadata: `shard`, `limit`: the name of the setting.
    """

    kind = ErrorKind.EXHAUSTED
    reason = "OVERLOADED"
    retry_delay_ms = 50


class RecordTooLarge(ServiceError):
    """An event is larger than what a feed can carry in one message. Metadata: `bytes`, `bytes_max`."""

    kind = ErrorKind.INVALID
    reason = "RECORD_TOO_LARGE"


class JournalBroken(ServiceError):
    """A journal contradicts itself: a gap, a record that was altered, or a snapshot from beyond its end.

    A person has to look. Metadata: `shard`; `seq`: the record that was altered, where it is one.
    """

    kind = ErrorKind.DATA_LOSS
    reason = "JOURNAL_BROKEN"
