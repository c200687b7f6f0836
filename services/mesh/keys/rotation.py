"""Which master keys a database is under: at the start, and from one to the next."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from services.mesh.database.database import Database
from services.mesh.keys.masters import (
    KEY_BYTES,
    KeyFileMissing,
    KeysUnusable,
    MasterId,
    MasterKey,
    MasterKeys,
    make_file,
)
from services.mesh.keys.purposes import PurposeKeys
from services.mesh.keys.tables import KeyTables
from services.mesh.keys.vault import Record, Vault, wrapping_place
from services.mesh.logs import get_logger

_log = get_logger("mesh.keys")

ROOT = Record(0, 0)
"""The root secret is kept like any data key, and so wrapped anew along with them."""

EarlierRoot = Callable[[sa.Connection, Sequence[MasterKey]], MasterKey | None]
"""Which of the keys all others came from before there were data keys; None where there was nothing."""


def open_vault(
    database: Database,
    tables: KeyTables,
    read_masters: Callable[[], MasterKeys],
    now_ms: int,
    earlier_root: EarlierRoot = lambda _connection, _keys: None,
) -> tuple[Vault, PurposeKeys]:
    """Opens what a database keeps under the master keys given: its vault, and the keys derived from its root.

    A key file that is missing is made, but only for a database that is under no keys yet. Blocks; for the
    start of a process, before anything is served. Safe from several replicas at once.
    Raises `KeysUnusable` when a key in use is not among them; nothing was made then.
    """
    of_root = {"of_kind": ROOT.kind, "of_id": ROOT.record_id}
    place = wrapping_place(tables.service, ROOT)

    def unit(connection: sa.Connection) -> tuple[MasterKeys, bytes]:
        if tables.find.first(connection, of_root) is None:
            # The root's place is taken before anything else: of replicas that start at once, all but one wait
            # here and look again, so that none leaves a key file which the others do not have.
            empty = {"kind": ROOT.kind, "record_id": ROOT.record_id, "master_id": None, "wrapped": None}
            tables.insert.run(connection, empty)
        masters = _given(connection, tables, read_masters, earlier_root)
        register(connection, tables, masters, now_ms)
        row = tables.find.first(connection, of_root)
        assert row is not None, "its place is taken"  # noqa: S101 - it was, above
        if row.wrapped is not None:
            master = masters.find(row.master_id)
            assert master is not None, "all keys in use were given"  # noqa: S101 - `register` has looked
            return masters, master.unwrap(row.wrapped, place)
        earlier = earlier_root(connection, masters.all)
        root = os.urandom(KEY_BYTES) if earlier is None else earlier.raw
        wrapped = masters.current.wrap(root, place)
        anew = {"new_master": masters.current.master_id, "new_wrapped": wrapped}
        tables.renew.first(connection, of_root | anew)
        return masters, root

    masters, root = database.at_start(unit)
    purposes = PurposeKeys(root, tables.service)
    return Vault(purposes, tables, masters, read_masters), purposes


def _given(
    connection: sa.Connection,
    tables: KeyTables,
    read_masters: Callable[[], MasterKeys],
    earlier_root: EarlierRoot,
) -> MasterKeys:
    """The master keys given, from a file that is made if it may be. Raises `KeysUnusable`."""
    try:
        return read_masters()
    except KeyFileMissing as missing:
        in_use = _in_use(connection, tables, _known(connection, tables))
        if in_use:
            names = ", ".join(map(shown, in_use))
            raise KeysUnusable(f"{missing}, and the database is under keys from it: {names}") from None
        try:
            # What is older than data keys came from a key, too.
            earlier_root(connection, ())
        except KeysUnusable as failure:
            raise KeysUnusable(f"{missing}: {failure}") from None
        make_file(missing.path)
        masters = read_masters()
        # Whoever finds that an old file was lost has to know whether the one that is there is needed, too.
        _log.info("key_file_made", file=str(missing.path), key=shown(masters.current.master_id))
        return masters


def register(connection: sa.Connection, tables: KeyTables, masters: MasterKeys, now_ms: int) -> None:
    """Makes the current key known to the database, and forgets those that nothing is under any more.

    Raises `KeysUnusable` when a key in use was not given.
    """
    known = _known(connection, tables)
    absent = [master_id for master_id in known if masters.find(master_id) is None]
    in_use = _in_use(connection, tables, absent)
    if in_use:
        names = ", ".join(map(shown, in_use))
        raise KeysUnusable(f"the database is under master keys that were not given: {names}")
    for gone in absent:
        tables.delete_master.run(connection, {"of_master": gone})
    if masters.current.master_id not in known:
        last = tables.last_place.first(connection, {})
        place = 1 if last is None else last.place + 1
        values = {"master_id": masters.current.master_id, "place": place, "since_ms": now_ms}
        tables.insert_master.run(connection, values)


def _known(connection: sa.Connection, tables: KeyTables) -> list[int]:
    return [row.master_id for row in tables.list_masters.rows(connection, {})]


def _in_use(connection: sa.Connection, tables: KeyTables, master_ids: Iterable[int]) -> list[int]:
    """Those of the master keys that anything is under."""
    return [one for one in master_ids if tables.under.rows(connection, {"of_master": one, "limit": 1})]


def records_by_master(connection: sa.Connection, tables: KeyTables) -> dict[int, int]:
    """How many keys are under which master key; those with none are left out."""
    return {row.master_id: row.records for row in tables.count_by_master.rows(connection, {})}


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """A master key, as the database knows it."""

    master_id: MasterId
    current: bool
    given: bool
    """Whether this process has it."""
    records: int
    """Keys that are under it. With none left, and not current, it can be taken away."""
    since_ms: int | None
    """When the database first heard of it; None while it is only given, and was never the current one."""

    @property
    def removable(self) -> bool:
        """Whether it may be taken away: nothing is under it, and it is none that comes next."""
        return not self.current and self.records == 0 and self.since_ms is not None


class Rotation:
    """Wraps keys anew, from earlier master keys to the current one, a bounded number at a time."""

    def __init__(self, database: Database, tables: KeyTables, vault: Vault, *, batch_keys: int) -> None:
        self._database = database
        self._tables = tables
        self._vault = vault
        self._batch_keys = batch_keys

    async def step(self, now_ms: int) -> int:
        """Looks at what is given now, and wraps a batch; how many keys it was, 0 when all is done.

        Safe from several replicas at once, and after a crash anywhere: a key is under one or the other.
        Raises `KeysUnusable` when a key in use is not given any more.
        """
        masters = self._vault.refresh()

        def idle(connection: sa.Connection) -> bool:
            rows = self._tables.list_masters.rows(connection, {})
            others = [row.master_id for row in rows if row.master_id != masters.current.master_id]
            return len(others) < len(rows) and not any(
                self._tables.under.rows(connection, {"of_master": other, "limit": 1}) for other in others
            )

        def unit(connection: sa.Connection) -> int:
            rows = self._tables.list_masters.rows(connection, {})
            if masters.current.master_id not in {row.master_id for row in rows}:
                register(connection, self._tables, masters, now_ms)
                rows = self._tables.list_masters.rows(connection, {})
            places = {row.master_id: row.place for row in rows}
            mine = places[masters.current.master_id]
            # Forward only: replicas that do not agree yet must not work against each other.
            for master_id in (other for other, place in places.items() if place < mine):
                done = self._wrap(connection, masters, master_id)
                if done:
                    return done
            return 0

        # Nearly always there is nothing to write, and the next look is soon.
        wrapped = 0 if await self._database.read(idle) else await self._database.write(unit)
        self._vault.adopt(masters.current)
        return wrapped

    async def status(self) -> list[KeyStatus]:
        """All master keys that are given or in use, oldest first."""
        masters = self._vault.given()

        def unit(connection: sa.Connection) -> list[KeyStatus]:
            records = records_by_master(connection, self._tables)
            since = {row.master_id: row.since_ms for row in self._tables.list_masters.rows(connection, {})}
            only_given = [key.master_id for key in masters.all if key.master_id not in since]
            return [
                KeyStatus(
                    MasterId(master_id),
                    current=master_id == masters.current.master_id,
                    given=masters.find(master_id) is not None,
                    records=records.get(master_id, 0),
                    since_ms=since.get(master_id),
                )
                for master_id in (*since, *only_given)
            ]

        return await self._database.read(unit)

    def _wrap(self, connection: sa.Connection, masters: MasterKeys, master_id: int) -> int:
        wanted = {"of_master": master_id, "limit": self._batch_keys}
        rows = self._tables.under.rows(connection, wanted)
        for row in rows:
            record = Record(row.kind, row.record_id)
            raw = self._vault.unwrapped(record, master_id, row.wrapped)
            place = wrapping_place(self._tables.service, record)
            # Only if it is still as it was read: another replica may have been here, or an erasure.
            anew = {
                "of_kind": row.kind,
                "of_id": row.record_id,
                "was_wrapped": row.wrapped,
                "new_master": masters.current.master_id,
                "new_wrapped": masters.current.wrap(raw, place),
            }
            self._tables.rewrap.run(connection, anew)
        return len(rows)


def shown(master_id: int) -> str:
    """A key's name as people see it: 16 hexadecimal digits."""
    return f"{master_id:016x}"
