"""Statements as the owner of a shard answers for them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from services.mesh.shards.host import Shard, ShardHost
from services.settlement.adapters.statements.projector import StatementProjector
from services.settlement.adapters.statements.reading import read_entry, read_page
from services.settlement.adapters.statements.store import StatementStore
from services.settlement.domain.accounts import person_of, shard_of_account, wallet
from services.settlement.domain.errors import AccountUnknown
from services.settlement.domain.state import SettlementState
from services.settlement.domain.statement_errors import entry_unknown
from services.settlement.domain.statements import Entry, StatementPage, StatementQuery, normal_sign
from services.settlement.settings import SettlementSettings

_PERSON_ID_MAX = (1 << 63) - 1


class Statements:
    """Reads the statements of accounts whose shards are owned here.

    A reader waits, for a bounded time, until what is durable already is in the statement: people see what
    they have just done.
    """

    def __init__(
        self,
        host: ShardHost[SettlementState],
        store: StatementStore,
        projector: StatementProjector,
        settings: SettlementSettings,
    ) -> None:
        self._host = host
        self._store = store
        self._projector = projector
        self._fresh_s = settings.statement_fresh_ms / 1000

    async def entry(self, account_id: str, seq: int, line: int) -> Entry:
        """One entry by its key. Its amount is on the account's normal side: above 0 is money that came in.

        Raises `AccountUnknown`, `EntryUnknown`, `StatementBehind` (try again a little later),
        `StatementsUnavailable`, and `ShardNotOwned`.
        """
        shard = self._host.owned(self._shard_of(account_id))
        return await self._entry(shard, account_id, seq, line)

    async def amount_fen(self, shard: Shard[SettlementState], account_id: str, seq: int, line: int) -> int:
        """How one entry of an account of this shard changed it: credits above 0, debits below. As `entry`."""
        entry = await self._entry(shard, account_id, seq, line)
        return normal_sign(account_id) * entry.amount_fen

    async def page(self, query: StatementQuery) -> StatementPage:
        """A page of a statement. Raises as `entry` does, and `PageTokenInvalid`."""
        shard = self._host.owned(self._shard_of(query.account_id))
        if not query.page_token:
            await self._projector.caught_up(shard.number, shard.durable_seq, self._fresh_s)
        page = await self._store.read(shard.number, partial(read_page, query=query))
        # The owner in office only: an older one may know less than is durable.
        shard.check_open()
        behind = max(0, shard.durable_seq - page.end.seq)
        return replace(page, end=replace(page.end, events_behind=behind))

    async def _entry(self, shard: Shard[SettlementState], account_id: str, seq: int, line: int) -> Entry:
        if seq > shard.durable_seq:
            raise entry_unknown(account_id, seq, line)
        await self._projector.caught_up(shard.number, seq, self._fresh_s)
        return await self._store.read(
            shard.number, partial(read_entry, account_id=account_id, seq=seq, line=line)
        )

    def _shard_of(self, account_id: str) -> int:
        """Raises `AccountUnknown` for what can be no account of one shard."""
        try:
            shard = shard_of_account(account_id, self._host.shard_count)
            person_id = person_of(account_id)
        except ValueError:
            shard, person_id = self._host.shard_count, None
        # A wallet is known by its number, so it has to be the one way to write it.
        is_other_wallet = person_id is not None and not (
            0 < person_id <= _PERSON_ID_MAX and account_id == wallet(person_id)
        )
        if is_other_wallet or not 0 <= shard < self._host.shard_count:
            raise AccountUnknown(f"no account of one shard is called {account_id}", account_id=account_id)
        return shard
