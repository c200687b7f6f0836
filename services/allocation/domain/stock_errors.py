"""Why allocation refuses what is asked of a shard's part of a stock."""

from __future__ import annotations

from services.allocation.domain import values
from services.allocation.domain.errors import AllocationError
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class StockUnknown(AllocationError):
    """The shard has no part of this stock."""

    kind = ErrorKind.NOT_FOUND
    reason = "STOCK_UNKNOWN"
    localized = sentence("没有这一场红包。", "There is no such round.")

    def __init__(self, stock_id: values.StockId, shard: int) -> None:
        super().__init__(f"shard {shard} has no stock {stock_id}", stock_id=stock_id, shard=shard)


class StockConflict(AllocationError):
    """The shard has a part of this stock with other content."""

    kind = ErrorKind.EXISTS
    reason = "STOCK_CONFLICT"

    def __init__(self, terms: values.StockTerms, field: str) -> None:
        super().__init__(
            f"shard {terms.shard} has stock {terms.stock_id} with other {field}",
            stock_id=terms.stock_id,
            shard=terms.shard,
            field=field,
        )


class StockOpen(AllocationError):
    """The stock may not be closed yet."""

    kind = ErrorKind.PRECONDITION
    reason = "STOCK_OPEN"

    def __init__(self, terms: values.StockTerms, now_ms: int) -> None:
        super().__init__(
            f"stock {terms.stock_id} is open on shard {terms.shard}",
            retry_delay_ms=max(1, terms.window.closes_ms - now_ms),
            stock_id=terms.stock_id,
            shard=terms.shard,
            closes_at_ms=terms.window.closes_ms,
        )


class PacketUnknown(AllocationError):
    """The person has won nothing from the stock."""

    kind = ErrorKind.NOT_FOUND
    reason = "PACKET_UNKNOWN"
    localized = sentence("你在这一场没有抢到红包。", "You have won nothing in this round.")

    def __init__(self, stock_id: values.StockId, person_id: values.PersonId) -> None:
        super().__init__(
            f"person {person_id} has no packet of {stock_id}", stock_id=stock_id, person_id=person_id
        )
