"""Scores in SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.identity.adapters.credit.facts import known, resolved
from services.identity.adapters.credit.tables import conducts, scores
from services.identity.adapters.tables import people
from services.identity.domain.credit.errors import ConductConflict
from services.identity.domain.credit.ports import Conduct
from services.identity.domain.credit.rules import RULES_VERSION, Factor
from services.identity.domain.credit.score import FactorPoints, FactorState, Kept, Score
from services.identity.domain.credit.signals import Known, OwnFacts, RelationFacts, Signals, WalletFacts
from services.identity.domain.people import PersonId
from services.mesh.database.database import Database
from services.mesh.database.statement import Row, Statement


class SqlScoreStore:
    """`ScoreStore` over a `Database`."""

    def __init__(self, database: Database, *, scores_kept_max: int) -> None:
        self._database = database
        self._scores_kept_max = scores_kept_max

    async def look(self, person_id: PersonId, now_ms: int) -> tuple[Known, Kept | None] | None:
        """See `ScoreStore.look`."""

        def unit(connection: sa.Connection) -> tuple[Known, Kept | None] | None:
            found = known(connection, person_id, now_ms)
            if found is None:
                return None
            row = _NEWEST.first(connection, {"person": found.person_id})
            return found, None if row is None else _kept(row)

        return await self._database.read(unit)

    async def keep(self, score: Score, signals: Signals) -> Kept:
        """See `ScoreStore.keep`."""

        def unit(connection: sa.Connection) -> Kept:
            row = _NEWEST.first(connection, {"person": score.person_id})
            newest = None if row is None else _kept(row)
            if newest is not None and newest.score.computed_ms > score.computed_ms:
                return newest
            # Another replica may keep one now: the key stops one of the two, which then runs again.
            version = 1 if row is None else row.version + 1
            _INSERT.run(connection, _values(score, signals) | {"version": version})
            below = {"person": score.person_id, "version": version - self._scores_kept_max}
            _FORGET.run(connection, below)
            return Kept(_numbered(score, version), signals)

        return await self._database.write(unit)

    async def listed(self, person_id: PersonId, below_version: int, limit: int) -> Sequence[Score]:
        """See `ScoreStore.listed`."""

        def unit(connection: sa.Connection) -> list[Score]:
            found = resolved(connection, person_id)
            if found is None:
                return []
            wanted = {"person": found[0], "below": below_version, "limit": limit}
            return [_score(row) for row in _LISTED.rows(connection, wanted)]

        return await self._database.read(unit)

    async def verified_among(self, people_asked: Sequence[PersonId]) -> frozenset[PersonId]:
        """See `ScoreStore.verified_among`."""
        if not people_asked:
            return frozenset()
        wanted = {"people": sorted(set(people_asked))}
        return await self._database.read(
            lambda connection: frozenset(map(PersonId, connection.scalars(_VERIFIED_AMONG, wanted)))
        )

    async def report(self, conduct: Conduct) -> None:
        """See `ScoreStore.report`."""
        values = asdict(conduct)

        def unit(connection: sa.Connection) -> None:
            row = _CONDUCT.first(connection, {"conduct": conduct.conduct_id})
            if row is None:
                _INSERT_CONDUCT.run(connection, values)
            elif (row.person_id, row.kind, row.judged_ms) != (
                conduct.person_id,
                conduct.kind,
                conduct.judged_ms,
            ):
                raise ConductConflict(conduct_id=conduct.conduct_id)

        await self._database.write(unit)


def _values(score: Score, signals: Signals) -> dict[str, Any]:
    return {
        "person_id": score.person_id,
        "score": score.score,
        "rules_version": score.rules_version,
        "computed_ms": score.computed_ms,
        "factors": json.dumps(
            [[one.factor, one.points, one.points_max, one.state, one.as_of_ms] for one in score.factors]
        ),
        "signals": json.dumps(
            {
                "own": asdict(signals.own),
                "wallet": None if signals.wallet is None else asdict(signals.wallet),
                "relations": None if signals.relations is None else asdict(signals.relations),
            }
        ),
    }


def _numbered(score: Score, version: int) -> Score:
    return Score(score.person_id, version, score.score, score.rules_version, score.computed_ms, score.factors)


def _score(row: Row) -> Score:
    factors = tuple(
        FactorPoints(Factor(factor), points, points_max, FactorState(state), as_of_ms)
        for factor, points, points_max, state, as_of_ms in json.loads(row.factors)
    )
    return Score(PersonId(row.person_id), row.version, row.score, row.rules_version, row.computed_ms, factors)


def _kept(row: Row) -> Kept | None:
    if row.rules_version != RULES_VERSION:
        return None  # Other rules may have other signals.
    told = json.loads(row.signals)
    signals = Signals(
        now_ms=row.computed_ms,
        own=OwnFacts(**told["own"]),
        wallet=None if told["wallet"] is None else WalletFacts(**told["wallet"]),
        relations=None if told["relations"] is None else RelationFacts(**told["relations"]),
    )
    return Kept(_score(row), signals)


_of_person = scores.c.person_id == bindparam("person")
_NEWEST = Statement(sa.select(scores).where(_of_person).order_by(scores.c.version.desc()).limit(1))
_INSERT = Statement(scores.insert())
_FORGET = Statement(scores.delete().where(_of_person, scores.c.version <= bindparam("version")))
_LISTED = Statement(
    sa.select(scores)
    .where(_of_person, scores.c.version < bindparam("below"))
    .order_by(scores.c.version.desc())
    .limit(bindparam("limit"))
)
_VERIFIED_AMONG = sa.select(people.c.person_id).where(
    people.c.person_id.in_(bindparam("people", expanding=True))
)
_CONDUCT = Statement(sa.select(conducts).where(conducts.c.conduct_id == bindparam("conduct")))
_INSERT_CONDUCT = Statement(conducts.insert())
