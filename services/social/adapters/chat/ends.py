"""How what was sent along ended: kept, because it stays so and its own service forgets it."""

from __future__ import annotations

import json
from functools import partial

import sqlalchemy as sa
from sqlalchemy import bindparam
from sqlalchemy.dialects import postgresql, sqlite

from services.mesh.database.database import Database
from services.mesh.database.statement import Statement
from services.social.adapters.chat.contents import kind_of, name_of
from services.social.adapters.chat.tables import attachments
from services.social.domain.chat.attachments import Claim, State, Status
from services.social.domain.chat.message import Attachment
from services.social.domain.relation import PersonId


class Ends:
    """Final states over chat's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, attachment: Attachment) -> Status | None:
        """How it ended; None when it has not, as far as is known."""
        row = await self._database.read(partial(_FIND.first, parameters={"wanted": _name(attachment)}))
        return None if row is None else _read(row.status, row.learned_ms)

    async def keep(self, attachment: Attachment, status: Status) -> None:
        """Keeps an end, unless one is kept."""
        assert status.state.is_final, "only ends stay"  # noqa: S101 - an invariant
        row = {"name": _name(attachment), "status": _written(status), "learned_ms": status.learned_ms}
        await self._database.write(lambda connection: _KEEP[connection.dialect.name].run(connection, row))


def _name(attachment: Attachment) -> str:
    return f"{kind_of(attachment)}/{name_of(attachment)}"


def _written(status: Status) -> str:
    return json.dumps(
        {
            "state": status.state,
            "claims": [[claim.person, claim.amount_fen] for claim in status.claims],
            "shares_claimed": status.shares_claimed,
            "share_count": status.share_count,
            "claimed_fen": status.claimed_fen,
            "amount_fen": status.amount_fen,
            "envelope_id": status.envelope_id,
        }
    )


def _read(written: str, learned_ms: int) -> Status:
    known = json.loads(written)
    claims = tuple(Claim(PersonId(person), amount_fen) for person, amount_fen in known.pop("claims"))
    return Status(state=State(known.pop("state")), learned_ms=learned_ms, claims=claims, **known)


_FIND = Statement(
    sa.select(attachments.c.status, attachments.c.learned_ms).where(attachments.c.name == bindparam("wanted"))
)
_KEEP = {
    dialect.dialect.name: Statement(dialect.insert(attachments).on_conflict_do_nothing())
    for dialect in (postgresql, sqlite)
}
