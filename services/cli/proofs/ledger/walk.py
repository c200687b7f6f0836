"""Goes through one shard's journal record by record: follows the chain, and folds the events anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from google.protobuf.message import DecodeError

from hongbao.settlement.v1 import events_pb2
from services.cli.proofs.ledger.findings import Finding, NotedTip, ShardAudit
from services.cli.proofs.ledger.snapshots import first_difference
from services.mesh.journal.chain import Chain
from services.mesh.journal.inspection import BEFORE_ALL, Inspection, JournalEnd
from services.mesh.journal.port import Record, Snapshot
from services.settlement.domain.shard_books import ShardBooks, shard_books
from services.settlement.domain.state import SettlementState

SERVICE = "settlement"
BATCH_RECORDS = 1_000
_DIGEST_BYTES = (0, 32)


class Walk:
    """One shard's audit. `run` is called once."""

    def __init__(
        self,
        shard: int,
        shard_count: int,
        journal: Inspection,
        tips: Sequence[NotedTip],
        on_record: Callable[[int], None],
    ) -> None:
        """`on_record` is told now and then how far the walk is."""
        self._shard = shard
        self._shard_count = shard_count
        self._journal = journal
        self._tips = sorted((tip for tip in tips if tip.shard == shard), key=lambda tip: tip.seq)
        self._on_record = on_record
        self._snapshot = journal.snapshot()
        self._chain = Chain(SERVICE, shard)
        self._state = SettlementState(shard, shard_count)
        self._unchained = 0
        self._last: Record | None = None

    def run(self, end: JournalEnd) -> ShardAudit:
        """Walks up to where the journal ended when `end` was asked; what came later is not looked at."""
        finding = self._at_present() or self._walk(end.last_seq) or self._at_the_end(end)
        return ShardAudit(
            shard=self._shard,
            records=0 if self._last is None else self._last.seq,
            unchained=self._unchained,
            digest=self._chain.digest if finding is None else b"",
            time_ms=0 if self._last is None else self._last.time_ms,
            finding=finding,
            books=None if finding else self._books(),
        )

    def _walk(self, last_seq: int) -> Finding | None:
        after_seq = BEFORE_ALL
        while after_seq < last_seq:
            batch = self._journal.rows(after_seq, BATCH_RECORDS)
            if not batch:
                break
            for record in batch:
                if record.seq > last_seq:
                    break
                before = self._chain.digest
                finding = self._take(record) or self._at_present()
                if finding is not None:
                    return self._in_words(finding, before, record)
                self._last = record
            after_seq = batch[-1].seq
            self._on_record(after_seq)
        return None

    def _take(self, record: Record) -> Finding | None:
        """Takes a record, or says what is wrong with it."""
        seq, last = self._chain.seq + 1, self._last
        if record.seq < seq:
            return self._finding(record.seq, "has no business there: a journal begins with record 1")
        if record.seq > seq:
            return self._finding(seq, f"is missing: the next one that is there is {record.seq}")
        if not _is_well_formed(record):
            return self._finding(seq, "was altered: what is stored is no record")
        if not self._chain.follow(record):
            return self._finding(seq, _DIGEST_DIFFERS)
        if last is not None and (record.time_ms < last.time_ms or record.epoch < last.epoch):
            return self._finding(seq, "is older than the one before it, or of an earlier owner")
        self._unchained += not record.digest
        return self._apply(record)

    def _apply(self, record: Record) -> Finding | None:
        try:
            event = events_pb2.SettlementEvent.FromString(record.payload)
            self._state.apply(record.seq, record.time_ms, event)
        except DecodeError:
            return self._finding(record.seq, "is no event of settlement")
        except Exception as error:  # noqa: BLE001 - whatever the rules say to it, this event cannot have happened
            return self._finding(record.seq, f"cannot have happened: {error or type(error).__name__}")
        return None

    def _at_present(self) -> Finding | None:
        """Compares with what was noted, or saved, of the moment at which the walk is now."""
        seq = self._chain.seq
        while self._tips and self._tips[0].seq == seq:
            tip = self._tips.pop(0)
            if tip.digest != self._chain.digest:
                return self._finding(seq, f"has another digest than {tip.by} has noted")
            if tip.books is not None and not _same_money(tip.books, self._books()):
                return self._finding(seq, f"leads to other balances than {tip.by} tells")
        if self._snapshot is not None and self._snapshot.seq == seq:
            return self._against(self._snapshot)
        return None

    def _against(self, snapshot: Snapshot) -> Finding | None:
        restored = SettlementState(self._shard, self._shard_count)
        try:
            restored.restore(snapshot.state)
        except Exception as error:  # noqa: BLE001 - a snapshot that was altered may be anything
            return self._finding(snapshot.seq, f"has a snapshot that cannot be read: {error}")
        difference = first_difference(restored, self._state)
        if difference is not None:
            return self._finding(snapshot.seq, f"has a snapshot in which {difference} differs")
        return None

    def _at_the_end(self, end: JournalEnd) -> Finding | None:
        """What is known of records beyond the last one."""
        last_seq = self._chain.seq
        missing = self._finding(last_seq + 1, "is missing, and all after it")
        if end.told_seq is not None and end.told_seq > last_seq:
            return replace(missing, what=f"{missing.what}: the journal's head tells of {end.told_seq}")
        if end.told_seq is not None and end.told_seq < last_seq:
            told = f"was put in: the journal's head ends at {end.told_seq}"
            return self._finding(end.told_seq + 1, told)
        if self._snapshot is not None and self._snapshot.seq > end.last_seq:
            # A snapshot that was saved while this walk went on is of records that it did not look at.
            now = self._journal.end().last_seq
            if self._snapshot.seq > now:
                return replace(missing, what=f"{missing.what}: a snapshot is of record {self._snapshot.seq}")
        if self._tips:
            tip = self._tips[-1]
            return replace(missing, what=f"{missing.what}: {tip.by} has noted record {tip.seq}")
        return None

    def _in_words(self, finding: Finding, before: bytes, record: Record) -> Finding:
        """Says more of a digest that does not follow, by what the next record says of it."""
        if finding.what != _DIGEST_DIFFERS:
            return finding
        return replace(finding, what=self._what_differs(before, record))

    def _what_differs(self, before: bytes, record: Record) -> str:
        following = self._journal.rows(record.seq, 1)
        lost = "has lost its digest" if not record.digest else "had its digest altered"
        if not following or following[0].seq != record.seq + 1 or not _is_well_formed(following[0]):
            return f"{lost}, or was altered itself" if not record.digest else "was altered, or its digest was"
        follower = following[0]
        if self._follows(self._expected(before, record), follower):
            return f"{lost}: what it says is as it was written"
        if record.digest and self._follows(record.digest, follower):
            return "was altered: its payload or its time is not what its digest stands for"
        return "was altered or put in, or one before it was taken out: the next one does not follow either"

    def _expected(self, before: bytes, record: Record) -> bytes:
        chain = Chain(SERVICE, self._shard, seq=record.seq - 1, digest=before)
        return chain.extended(record.time_ms, record.payload)

    def _follows(self, digest: bytes, follower: Record) -> bool:
        return self._expected(digest, follower) == follower.digest

    def _books(self) -> ShardBooks:
        books = shard_books(self._shard, self._chain.seq, self._state.ledger, (), {})
        return replace(books, digest=self._chain.digest, disputes=self._state.disputes.total())

    def _finding(self, seq: int, what: str) -> Finding:
        return Finding(self._shard, seq, what)


_DIGEST_DIFFERS = "has a digest that does not follow"


def _is_well_formed(record: Record) -> bool:
    """Whether the values are what the columns are for: SQLite keeps anything anywhere."""
    return (
        isinstance(record.payload, bytes)
        and isinstance(record.digest, bytes)
        and len(record.digest) in _DIGEST_BYTES
        and isinstance(record.time_ms, int)
        and isinstance(record.epoch, int)
        and record.time_ms >= 0
    )


def _same_money(told: ShardBooks, folded: ShardBooks) -> bool:
    """Whether balances and totals are the same; what feeds do at the moment only the owner can know."""
    return (set(told.totals), set(told.kinds), set(told.balances), set(told.transits)) == (
        set(folded.totals),
        set(folded.kinds),
        set(folded.balances),
        set(folded.transits),
    )
