"""Tells identity what was taken down: an outbox that is emptied again and again."""

from __future__ import annotations

from functools import partial

import sqlalchemy as sa
import structlog
from sqlalchemy import bindparam

from hongbao.identity.v1 import credit_pb2
from hongbao.identity.v1.credit_pb2_grpc import CreditServiceStub
from services.mesh.clock import Clock
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.reach import Reach
from services.mesh.timestamps import timestamp
from services.social.adapters.circles.tables import conduct

_AT_ONCE = 100
"""Most that are told in one round."""

_log = structlog.get_logger(__name__)


class ConductReporter:
    """Reports every take-down to identity's credit, at least once; identity counts it once."""

    def __init__(
        self, database: Database, reach: Reach, clock: Clock, *, look_s: float, wait_s: float
    ) -> None:
        self._database = database
        self._reach = reach
        self._clock = clock
        self._look_s = look_s
        self._wait_s = wait_s

    async def run(self) -> None:
        """Looks, tells and sleeps, until cancelled."""
        while True:
            try:
                await self.look()
            except ServiceError as error:
                # Identity or the database may be away: what is not told stays.
                _log.info("conduct_waits", error=str(error))
            await self._clock.sleep(self._look_s)

    async def look(self) -> None:
        """Tells what waits. Raises `ServiceError`; what was told until then is done."""
        for row in await self._database.read(
            lambda connection: _WAITING.rows(connection, {"limit": _AT_ONCE})
        ):
            try:
                await self._tell(row)
            except ServiceError as error:
                if error.kind is not ErrorKind.EXISTS:
                    raise
                # The author turned out to be another person after it was told. It counts as it was told.
                _log.warning("conduct_told_otherwise", report=row.report_id)
            await self._database.write(partial(_forget, row.report_id))

    async def _tell(self, row: Row) -> None:
        kind = (
            credit_pb2.CONDUCT_KIND_COMMENT_TAKEN_DOWN
            if row.is_comment
            else credit_pb2.CONDUCT_KIND_POST_TAKEN_DOWN
        )
        request = credit_pb2.ReportConductRequest(
            conduct_id=f"report/{row.report_id}",
            person_id=row.author_person_id,
            kind=kind,
            judged_at=timestamp(row.judged_ms),
        )

        async def attempt(address: str, timeout_s: float) -> None:
            stub = CreditServiceStub(self._reach.channels.channel(address))
            await stub.ReportConduct(request, timeout=timeout_s)

        await self._reach.directory.call("identity", attempt, self._wait_s)


def _forget(report_id: int, connection: sa.Connection) -> None:
    _TOLD.run(connection, {"report": report_id})


_WAITING = Statement(sa.select(conduct).order_by(conduct.c.report_id).limit(bindparam("limit")))
_TOLD = Statement(conduct.delete().where(conduct.c.report_id == bindparam("report")))
