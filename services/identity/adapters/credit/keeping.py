"""How long records of credit are kept."""

from __future__ import annotations

import sqlalchemy as sa
import structlog
from sqlalchemy import bindparam

from services.identity.adapters.credit.tables import (
    conducts,
    consents,
    loans,
    queries,
    repayments,
)
from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.mesh.errors import ServiceError

_log = structlog.get_logger(__name__)


class RecordPurge:
    """Removes records whose time is over, a few at a time."""

    def __init__(
        self, database: Database, clock: Clock, *, kept_ms: int, batch_max: int, pause_s: float
    ) -> None:
        self._database = database
        self._clock = clock
        self._kept_ms = kept_ms
        self._batch_max = batch_max
        self._pause_s = pause_s

    async def run(self) -> None:
        """Looks for ever; what cannot be removed now is removed at a later look."""
        while True:
            try:
                while await self.look() == self._batch_max:
                    pass
            except ServiceError as error:
                _log.warning("credit_purge_failed", reason=error.reason)
            await self._clock.sleep(self._pause_s)

    async def look(self) -> int:
        """Removes some of every kind; of which kind most were removed, so many."""
        wanted = {"before_ms": self._clock.now_ms() - self._kept_ms, "limit": self._batch_max}

        def unit(connection: sa.Connection) -> int:
            removed = [len(rule.rows(connection, wanted)) for rule in _OVER]
            ended = _LOANS_OVER.rows(connection, wanted)
            for loan in ended:
                place = {"partner": loan.partner_id, "number": loan.loan_number}
                _REPAYMENTS_GONE.run(connection, place)
                _LOAN_GONE.run(connection, place)
            return max(*removed, len(ended))

        return await self._database.write(unit)


def _removal(table: sa.Table, moment: sa.Column[int]) -> Statement:
    """Removes the oldest rows whose moment is over; gives their keys."""
    (key,) = table.primary_key.columns
    over = (
        sa.select(key).where(moment < bindparam("before_ms")).order_by(moment).limit(bindparam("limit"))
    ).scalar_subquery()
    return Statement(table.delete().where(key.in_(over)).returning(key))


_OVER = (
    _removal(queries, queries.c.asked_ms),
    _removal(consents, consents.c.ends_ms),
    _removal(conducts, conducts.c.judged_ms),
)
_LOANS_OVER = Statement(
    sa.select(loans.c.partner_id, loans.c.loan_number)
    .where(loans.c.closed_ms < bindparam("before_ms"))
    .order_by(loans.c.closed_ms)
    .limit(bindparam("limit"))
)
_this_loan = sa.and_(loans.c.partner_id == bindparam("partner"), loans.c.loan_number == bindparam("number"))
_LOAN_GONE = Statement(loans.delete().where(_this_loan))
_REPAYMENTS_GONE = Statement(
    repayments.delete().where(
        repayments.c.partner_id == bindparam("partner"), repayments.c.loan_number == bindparam("number")
    )
)
