"""What statements refuse, by the reasons of the contract."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.mesh.language import sentence
from services.settlement.domain.errors import SettlementError


class EntryUnknown(SettlementError):
    """The account has no such entry. Metadata: `account_id`, `seq`, `line`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ENTRY_UNKNOWN"
    localized = sentence(
        "账单里没有这一条，请刷新账单。",
        "Your statement has no such entry: please refresh it.",
    )


class PageTokenInvalid(SettlementError):
    """The page token is not from this list. Metadata: `page_token`."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"
    localized = sentence("列表已过期，请刷新后再看。", "This list is out of date: please refresh it.")


class StatementBehind(SettlementError):
    """The statement does not include the event yet. Metadata: `shard`, `seq`, `complete_seq`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STATEMENT_BEHIND"
    localized = sentence(
        "账单正在更新，请稍后再试；您的钱没有变化。",
        "The statement is being updated: please try again in a moment; your money is not affected.",
    )
    retry_delay_ms = 200


class StatementsUnavailable(SettlementError):
    """The database of the statements does not answer. Metadata: `shard`."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STATEMENTS_UNAVAILABLE"
    localized = sentence(
        "账单暂时无法查询，请稍后再试；您的钱没有变化。",
        "Statements cannot be read at the moment: please try again later; your money is not affected.",
    )
    retry_delay_ms = 1_000


def entry_unknown(account_id: str, seq: int, line: int) -> EntryUnknown:
    """Says that an account has no such entry."""
    return EntryUnknown(f"{account_id} has no entry {seq}:{line}", account_id=account_id, seq=seq, line=line)
