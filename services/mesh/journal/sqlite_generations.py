"""The files of one journal: normally one, and a new generation when the last one cannot be written any more.

SQLite's write lock belongs to a process. An owner that is frozen (SIGSTOP, a suspended container) in the
middle of a commit keeps it for as long as it is frozen, and nobody else could ever fence. So the next owner
then leaves the file to it, and goes on in a copy:

1. It puts down a mark with its epoch. Every writer looks for marks after each commit and before it tells
   anybody: a mark above the generation of its own file means that its commits do not count any more.
2. It copies the newest file, which readers may always do, and publishes the copy under its epoch.

What was told to anybody was committed before its writer looked, and it saw no mark; so it was committed
before the mark, and the copy, made after the mark, has it. What a writer committed without telling is in the
copy or is not, as after a crash. A takeover that dies half-way leaves a mark without a file; the next owner
then makes a generation of its own.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from services.mesh.journal.group import fenced


class Generations:
    """Where a journal's current file is. Everything here blocks, as `SqliteFile` does."""

    def __init__(self, folder: Path, shard: int) -> None:
        self.folder = folder
        self._shard = shard
        self._marks = folder / f"{shard}.taken"

    def current(self) -> int:
        """The newest generation that is complete; 0 is the journal's first file."""
        return max(self._published(), default=0)

    def path(self, generation: int) -> Path:
        """The file of a generation: `3.db`, or `3.4711.db` for the one that was made under epoch 4711."""
        return self.folder / (f"{self._shard}.{generation}.db" if generation else f"{self._shard}.db")

    def marked(self) -> int:
        """The highest epoch that a takeover was begun under; 0 for none. Costs one system call normally."""
        try:
            return max((int(name) for name in os.listdir(self._marks)), default=0)  # noqa: PTH208 - it is hot
        except FileNotFoundError:
            return 0

    def take_over(self, epoch: int) -> int:
        """Makes a generation under this epoch and returns it.

        Raises `EpochFenced` when a higher epoch was presented, and what SQLite and the file system raise.
        """
        self._mark(epoch)
        # Who died while copying could not clear up, and a copy is as large as the journal. Whoever still
        # copies under a lower epoch is too late by our mark.
        self._remove_copies(epoch)
        try:
            self._publish_copy(epoch)
        except (sqlite3.Error, OSError):
            self._check_highest(epoch)
            raise
        finally:
            self._remove_copies(epoch)
        self._check_highest(epoch)
        self._remove_before(epoch)
        return epoch

    def _check_highest(self, epoch: int) -> None:
        highest = self.marked()
        if highest > epoch:
            raise fenced(epoch, highest)

    def _publish_copy(self, epoch: int) -> None:
        copy = self.folder / f"{self._shard}.{epoch}.copy"
        # What the holder of the lock has not committed is not seen by a reader, and not copied.
        with closing(sqlite3.connect(self.path(self.current()), isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
            highest = connection.execute("SELECT epoch FROM fence").fetchone()[0]
            if highest > epoch:
                raise fenced(epoch, highest)
            connection.execute("UPDATE fence SET epoch = ?", (epoch,))
            # Now, and not when it is opened: that takes a lock, and who has it may be frozen.
            connection.execute("PRAGMA journal_mode = WAL")
        sync(copy)
        copy.rename(self.path(epoch))
        sync(self.folder)

    def _mark(self, epoch: int) -> None:
        self._marks.mkdir(exist_ok=True)
        (self._marks / str(epoch)).touch()
        sync(self._marks)
        sync(self.folder)

    def _published(self) -> list[int]:
        middles = (path.name.split(".")[1] for path in self.folder.glob(f"{self._shard}.*.db"))
        return [int(middle) for middle in middles if middle.isdigit()]

    def _remove_before(self, generation: int) -> None:
        """Removes older files. Who still has one open keeps it, and is refused by the mark."""
        for older in {0, *self._published()}:
            if older < generation:
                for suffix in ("", "-wal", "-shm", "-journal"):
                    with suppress(FileNotFoundError):
                        os.unlink(f"{self.path(older)}{suffix}")  # noqa: PTH108 - the suffix is not the path's

    def _remove_copies(self, epoch: int) -> None:
        """Removes unpublished copies of this epoch and lower ones, with what SQLite kept beside them."""
        for path in self.folder.glob(f"{self._shard}.*.copy*"):
            made_under = path.name.split(".")[1]
            if made_under.isdigit() and int(made_under) <= epoch:
                path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Has the disk keep a file's content, or which names are in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
