"""The proof of the books: the ledger's own statements, put side by side."""

from __future__ import annotations

from collections.abc import Sequence

from hongbao.settlement.v1 import settlement_pb2 as settlement
from services.settlement.domain.books import Books, prove
from services.settlement.domain.books_contract import read_books


def proof_of(books: Sequence[settlement.ShardBooks], shard_count: int) -> Books:
    """The proof that the books of all shards make together."""
    return prove([read_books(message) for message in books], shard_count)
