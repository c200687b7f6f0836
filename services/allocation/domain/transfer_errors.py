"""Why allocation refuses what has to do with the release of packets and their moves between shards."""

from __future__ import annotations

from services.allocation.domain import values
from services.allocation.domain.errors import AllocationError
from services.mesh.errors import ErrorKind


class TransferPending(AllocationError):
    """The part cannot be closed before another shard has said what it has sent."""

    kind = ErrorKind.UNAVAILABLE
    reason = "TRANSFER_PENDING"
    retry_delay_ms = 200

    def __init__(self, terms: values.StockTerms, from_shard: int, no: int) -> None:
        super().__init__(
            f"shard {terms.shard} waits for shard {from_shard} to say what it has sent of {terms.stock_id}",
            stock_id=terms.stock_id,
            shard=terms.shard,
            from_shard=from_shard,
            no=no,
        )


class TransferOutOfOrder(AllocationError):
    """The request is neither the next one of its shard nor the last one again."""

    kind = ErrorKind.PRECONDITION
    reason = "TRANSFER_OUT_OF_ORDER"

    def __init__(self, terms: values.StockTerms, to_shard: int, no: int, last_no: int) -> None:
        super().__init__(
            f"request {no} of shard {to_shard} for {terms.stock_id} comes after its request {last_no}",
            stock_id=terms.stock_id,
            shard=terms.shard,
            to_shard=to_shard,
            no=no,
            last_no=last_no,
        )


class ReleaseTableInvalid(AllocationError):
    """The table of releases does not fit the round."""

    kind = ErrorKind.INVALID
    reason = "RELEASE_TABLE_INVALID"

    def __init__(self, seconds: int, elements: int) -> None:
        super().__init__(
            f"a table of releases has one element for each of {seconds} seconds, never falls, and ends at"
            " 1,000,000; other curves have none",
            seconds=seconds,
            elements=elements,
        )
