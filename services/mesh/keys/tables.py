"""Tables of keys, the same for every service: master keys by name, and data keys wrapped by them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import bindparam

from services.mesh.database.statement import Statement


@dataclass(frozen=True, slots=True)
class KeyTables:
    """A service's tables of keys, and the statements on them."""

    service: str
    masters: sa.Table
    data_keys: sa.Table
    list_masters: Statement
    last_place: Statement
    insert_master: Statement
    delete_master: Statement
    count_by_master: Statement
    find: Statement
    find_for_sealing: Statement
    insert: Statement
    erase: Statement
    renew: Statement
    under: Statement
    rewrap: Statement


def key_tables(schema: sa.MetaData, service: str) -> KeyTables:
    """Adds the tables to the service's schema, under the service's name."""
    masters = sa.Table(
        f"{service}_master_keys",
        schema,
        # The name of the key, never the key.
        sa.Column("master_id", sa.BigInteger, primary_key=True, autoincrement=False),
        # Which came after which: keys are only wrapped anew by later ones.
        sa.Column("place", sa.Integer, nullable=False, unique=True),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    data_keys = sa.Table(
        f"{service}_data_keys",
        schema,
        sa.Column("kind", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("record_id", sa.BigInteger, primary_key=True, autoincrement=False),
        # The reference is what keeps a master key from being forgotten while anything is under it. Both are
        # null once the key is erased: the row stays, so that nothing is sealed for the record again unless
        # somebody has decided so.
        sa.Column("master_id", sa.ForeignKey(masters.c.master_id), nullable=True, index=True),
        sa.Column("wrapped", sa.LargeBinary(60), nullable=True),
        sqlite_with_rowid=False,
    )
    return _with_statements(service, masters, data_keys)


def _with_statements(service: str, masters: sa.Table, data_keys: sa.Table) -> KeyTables:
    columns = data_keys.c
    of_record = (columns.kind == bindparam("of_kind")) & (columns.record_id == bindparam("of_id"))
    find = sa.select(columns.master_id, columns.wrapped).where(of_record)
    as_it_was = of_record & (columns.wrapped == bindparam("was_wrapped"))
    return KeyTables(
        service=service,
        masters=masters,
        data_keys=data_keys,
        list_masters=Statement(sa.select(masters).order_by(masters.c.place)),
        last_place=Statement(sa.select(sa.func.coalesce(sa.func.max(masters.c.place), 0).label("place"))),
        insert_master=Statement(masters.insert()),
        delete_master=Statement(masters.delete().where(masters.c.master_id == bindparam("of_master"))),
        count_by_master=Statement(
            sa.select(columns.master_id, sa.func.count().label("records"))
            .where(columns.master_id.is_not(None))
            .group_by(columns.master_id)
        ),
        find=Statement(find),
        # Shared with other writers, but nobody erases it before this one has committed.
        find_for_sealing=Statement(find.with_for_update(read=True)),
        insert=Statement(data_keys.insert()),
        erase=Statement(data_keys.update().where(of_record).values(master_id=sa.null(), wrapped=sa.null())),
        renew=Statement(
            data_keys.update()
            .where(of_record, columns.wrapped.is_(None))
            .values(master_id=bindparam("new_master"), wrapped=bindparam("new_wrapped"))
            .returning(columns.record_id)
        ),
        under=Statement(
            sa.select(columns.kind, columns.record_id, columns.wrapped)
            .where(columns.master_id == bindparam("of_master"))
            .limit(bindparam("limit"))
        ),
        rewrap=Statement(
            data_keys.update()
            .where(as_it_was)
            .values(master_id=bindparam("new_master"), wrapped=bindparam("new_wrapped"))
        ),
    )
