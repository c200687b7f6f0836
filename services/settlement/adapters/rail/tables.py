"""A simulated bank's memory in tables of its own, in SQLite or PostgreSQL: the bank outlives settlement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy as sa

from services.mesh.database.database import Database
from services.mesh.database.settings import DatabaseSettings
from services.settlement.adapters.rail.memory import BankOrder, BankReport
from services.settlement.domain.withdrawals.values import WithdrawalFailure, WithdrawalId


class BankSettings(DatabaseSettings):
    """Where the simulated bank keeps its tables: `database_url`, a file of its own where that is a folder."""

    service: ClassVar[str] = "bank"


SCHEMA = sa.MetaData()
_ORDERS = sa.Table(
    "bank_orders",
    SCHEMA,
    sa.Column("withdrawal_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("payer", sa.String(128), nullable=False),
    sa.Column("card_id", sa.BigInteger, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    sa.Column("arrived_ms", sa.BigInteger, nullable=False),
    sa.Column("decides_ms", sa.BigInteger, nullable=False),
    sa.Column("shows_ms", sa.BigInteger, nullable=False),
    sa.Column("failure", sa.SmallInteger, nullable=False, comment="0 when it is paid"),
    sa.Column("reference", sa.String(80), nullable=False),
    sa.Index("bank_orders_by_payer", "payer", "decides_ms"),
)
_REPORTS = sa.Table(
    "bank_reports",
    SCHEMA,
    sa.Column("withdrawal_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("payer", sa.String(128), nullable=False),
    sa.Column("due_ms", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("bank_reports_by_time", "payer", "due_ms"),
)


class BankTables:
    """See `BankMemory`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, order: BankOrder, reports: Sequence[BankReport]) -> BankOrder:
        """See `BankMemory.take`. Durable on return."""

        def unit(connection: sa.Connection) -> BankOrder:
            known = _find(connection, order.withdrawal_id)
            if known is not None:
                return known
            connection.execute(sa.insert(_ORDERS), _order_row(order))
            if reports:
                connection.execute(sa.insert(_REPORTS), [_report_row(report) for report in reports])
            return order

        return await self._database.write(unit)

    async def find(self, withdrawal_id: WithdrawalId) -> BankOrder | None:
        """See `BankMemory.find`."""
        return await self._database.read(lambda connection: _find(connection, withdrawal_id))

    async def due(self, payer: str, now_ms: int, limit: int) -> Sequence[BankReport]:
        """See `BankMemory.due`."""
        query = (
            sa.select(_REPORTS)
            .where(_REPORTS.c.payer == payer, _REPORTS.c.due_ms <= now_ms)
            .order_by(_REPORTS.c.due_ms, _REPORTS.c.withdrawal_id, _REPORTS.c.number)
            .limit(limit)
        )
        return await self._database.read(
            lambda connection: [_report_of(row) for row in connection.execute(query)]
        )

    async def put_off(self, report: BankReport) -> None:
        """See `BankMemory.put_off`."""
        change = sa.update(_REPORTS).where(*_is(report)).values(_report_row(report))
        await self._database.write(lambda connection: connection.execute(change).rowcount)

    async def strike(self, report: BankReport) -> None:
        """See `BankMemory.strike`."""
        deletion = sa.delete(_REPORTS).where(*_is(report))
        await self._database.write(lambda connection: connection.execute(deletion).rowcount)

    async def paid_fen(self, payer: str, now_ms: int) -> int:
        """See `BankMemory.paid_fen`."""
        query = sa.select(sa.func.coalesce(sa.func.sum(_ORDERS.c.amount_fen), 0)).where(
            _ORDERS.c.payer == payer, _ORDERS.c.decides_ms <= now_ms, _ORDERS.c.failure == 0
        )
        return int(await self._database.read(lambda connection: connection.execute(query).scalar_one()))


def _find(connection: sa.Connection, withdrawal_id: WithdrawalId) -> BankOrder | None:
    row = connection.execute(sa.select(_ORDERS).where(_ORDERS.c.withdrawal_id == withdrawal_id)).first()
    if row is None:
        return None
    return BankOrder(
        WithdrawalId(row.withdrawal_id),
        row.payer,
        row.card_id,
        row.amount_fen,
        row.arrived_ms,
        row.decides_ms,
        row.shows_ms,
        WithdrawalFailure(row.failure) if row.failure else None,
        row.reference,
    )


def _order_row(order: BankOrder) -> dict[str, Any]:
    return {
        "withdrawal_id": order.withdrawal_id,
        "payer": order.payer,
        "card_id": order.card_id,
        "amount_fen": order.amount_fen,
        "arrived_ms": order.arrived_ms,
        "decides_ms": order.decides_ms,
        "shows_ms": order.shows_ms,
        "failure": int(order.failure or 0),
        "reference": order.reference,
    }


def _report_of(row: sa.Row[Any]) -> BankReport:
    return BankReport(WithdrawalId(row.withdrawal_id), row.number, row.payer, row.due_ms, row.attempts)


def _report_row(report: BankReport) -> dict[str, Any]:
    return {
        "withdrawal_id": report.withdrawal_id,
        "number": report.number,
        "payer": report.payer,
        "due_ms": report.due_ms,
        "attempts": report.attempts,
    }


def _is(report: BankReport) -> tuple[sa.ColumnElement[bool], ...]:
    return (_REPORTS.c.withdrawal_id == report.withdrawal_id, _REPORTS.c.number == report.number)
