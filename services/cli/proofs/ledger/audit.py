"""The audit of all shards, or of one: what is stored is read again from the first record on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial

from services.cli.proofs.ledger.findings import Finding, NotedTip, ShardAudit
from services.cli.proofs.ledger.statements import compare_statements
from services.cli.proofs.ledger.walk import SERVICE, Walk
from services.mesh.journal.inspection import Inspection, JournalEnd, inspected, journals_beyond
from services.mesh.shards.groups import ShardGroups
from services.settlement.domain.books import Books, prove

Progress = Callable[[int, int, int], None]
"""Is told a shard, its last record, and the one that the audit has come to."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit came to."""

    shards: tuple[ShardAudit, ...]
    books: Books | None
    """The proof from the records of all shards; None when not all of them were as they were written."""
    beyond: tuple[int, ...] = ()
    """Shards that have journals, though there are not so many shards."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, shard by shard."""
        return tuple(shard.finding for shard in self.shards if shard.finding is not None)

    @property
    def holds(self) -> bool:
        """Whether everything is as it was written."""
        return not (self.findings or self.beyond) and (self.books is None or self.books.sound)


@dataclass(frozen=True, slots=True)
class LedgerAudit:
    """What is to be audited."""

    journals: ShardGroups
    statements: ShardGroups
    shard_count: int
    only: int | None
    """One shard, or None for all of them, and then for the books too."""
    tips: Sequence[NotedTip] = ()

    def run(self, progress: Progress) -> Audited | None:
        """Reads everything, one shard after the other; None when there is no journal at all.

        Takes as much memory as an owner of the largest shard. Raises `JournalUnavailable`.
        """
        numbers = range(self.shard_count) if self.only is None else (self.only,)
        with ExitStack() as stack:
            journals = {
                shard: stack.enter_context(inspected(self.journals.url(shard), SERVICE, shard))
                for shard in numbers
            }
            if not any(journals.values()):
                return None
            # All ends first, and at once: what is under way between two shards is then in both or in neither.
            ends = {shard: journal.end() for shard, journal in journals.items() if journal is not None}
            shards = tuple(
                self._audit(shard, journal, ends.get(shard), progress) for shard, journal in journals.items()
            )
        return Audited(shards, self._prove(shards), tuple(self._beyond()))

    def _audit(
        self, shard: int, journal: Inspection | None, end: JournalEnd | None, progress: Progress
    ) -> ShardAudit:
        if journal is None or end is None:
            return ShardAudit(shard, finding=Finding(shard, 1, "is missing: the shard has no journal"))
        note = partial(progress, shard, end.last_seq)
        audited = Walk(shard, self.shard_count, journal, self.tips, note).run(end)
        if audited.finding is not None:
            return audited
        compared = compare_statements(self.statements.url(shard), shard, journal, note)
        return replace(audited, statements_seq=compared.seq, finding=compared.finding)

    def _prove(self, shards: Sequence[ShardAudit]) -> Books | None:
        books = [shard.books for shard in shards if shard.books is not None]
        if self.only is not None or len(books) < self.shard_count:
            return None
        return prove(books, self.shard_count)

    def _beyond(self) -> Iterator[int]:
        if self.only is None:
            for url in self.journals.urls():
                yield from journals_beyond(url, SERVICE, self.shard_count)
