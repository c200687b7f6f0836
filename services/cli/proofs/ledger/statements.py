"""Compares what account owners read with the journal that it was made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.cli.proofs.ledger.findings import Finding
from services.mesh.journal.inspection import Inspection
from services.settlement.adapters.statements.audit import audit_statements
from services.settlement.domain.statement_errors import StatementsUnavailable

_FAR = 1 << 62


@dataclass(frozen=True, slots=True)
class Compared:
    """What a shard's statements came to."""

    seq: int | None = None
    """Up to which record they were compared; None where none are kept."""
    finding: Finding | None = None


def compare_statements(
    url: str, shard: int, journal: Inspection, on_record: Callable[[int], None]
) -> Compared:
    """Compares a shard's statements in one place with its journal, which was found as it was written."""
    try:
        # They may be ahead of where the journal ended when it was walked through: what is read decides.
        audited = audit_statements(url, shard, journal.rows, _FAR, on_record)
    except StatementsUnavailable as failure:
        what = f"has statements that cannot be read: {failure.message}"
        return Compared(finding=Finding(shard, None, what))
    if audited is None:
        return Compared()
    difference = audited.difference
    if difference is None:
        return Compared(audited.complete_seq)
    whose = f" of {difference.account_id}" if difference.account_id else ""
    what = f"has a statement{whose} that differs in line {difference.line}: {difference.sentence}"
    return Compared(audited.complete_seq, Finding(shard, difference.seq, what))
