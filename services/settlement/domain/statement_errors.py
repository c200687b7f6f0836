"""What statements refuse, by the reasons of the contract."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.settlement.domain.errors import SettlementError


class EntryUnknown(SettlementError):
    """The account has no such entry. Metadata: `account_id`, `seq`, `line`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ENTRY_UNKNOWN"


class PageTokenInvalid(SettlementError):
    """The page token is not from this list. Metadata: `page_token`."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"


class StatementBehind(SettlementError):
    """The statement does not include the event yet. Metadata: `shard`, `seq`, `complete_seq`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STATEMENT_BEHIND"
    retry_delay_ms = 200


class StatementsUnavailable(SettlementError):
    """The database of the statements does not answer. Metadata: `shard`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STATEMENTS_UNAVAILABLE"
    retry_delay_ms = 1_000


def entry_unknown(account_id: str, seq: int, line: int) -> EntryUnknown:
    """Says that an account has no such entry."""
    return EntryUnknown(f"{account_id} has no entry {seq}:{line}", account_id=account_id, seq=seq, line=line)
