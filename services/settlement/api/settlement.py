"""Answers `SettlementService`: requests become decisions of the domain, its values become responses."""
# ruff: noqa: ARG002, N802 - gRPC names the methods and hands them a context

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hongbao.settlement.v1 import events_pb2 as events
from hongbao.settlement.v1 import settlement_pb2 as pb
from hongbao.settlement.v1 import settlement_pb2_grpc
from services.mesh.clock import Clock
from services.mesh.failpoints import failpoint
from services.mesh.feed.producer import batch_limit, read_feed
from services.mesh.telemetry import traceparent
from services.mesh.timestamps import milliseconds
from services.settlement.api.account_message import account_message
from services.settlement.api.feed_messages import onward_messages, whole_messages
from services.settlement.api.request_ends import check_end
from services.settlement.api.shards import OwnedShard, OwnedShards
from services.settlement.api.wallets import wallet_message
from services.settlement.domain import accounts
from services.settlement.domain.books_contract import write_books
from services.settlement.domain.commands import create_hold, deposit, deposit_id, hold_refused
from services.settlement.domain.envelopes import create_wallet_hold
from services.settlement.domain.errors import AccountUnknown, HoldUnknown, SettlementError, ShardUnknown
from services.settlement.domain.events import hold_event, hold_of
from services.settlement.domain.registers import Hold
from services.settlement.domain.shard_books import FeedHalt, shard_books
from services.settlement.domain.state import SettlementState
from services.settlement.domain.wallet_holds import WalletHold
from services.settlement.settings import SettlementSettings
from services.settlement.tasks.bank_statement import BankStatement, withdrawal_total


class SettlementServicer(settlement_pb2_grpc.SettlementServiceServicer):
    """`hongbao.settlement.v1.SettlementService`, for the shards that this instance owns."""

    def __init__(
        self,
        shards: OwnedShards,
        feed_names: Callable[[int], Sequence[str]],
        feed_halts: Callable[[int], Mapping[str, FeedHalt]],
        clock: Clock,
        settings: SettlementSettings,
        bank: BankStatement,
    ) -> None:
        """Wires the servicer.

        Args:
            shards: where the accounts are.
            feed_names: the feeds that a shard reads.
            feed_halts: those of them that do not go on.
            clock: tells which requests come too late.
            settings: bounds of feeds.
            bank: what the bank says of itself, for the books.
        """
        self._shards = shards
        self._feed_names = feed_names
        self._feed_halts = feed_halts
        self._clock = clock
        self._settings = settings
        self._bank = bank

    async def Deposit(self, request: pb.DepositRequest, context: Any) -> pb.DepositResponse:
        """See the contract."""
        shard = self._shards.of_id(request.sponsor_id)
        event = deposit(shard.state, request.request_id, request.sponsor_id, request.amount_fen)
        available_fen = await self._carry_out(shard, event, request.sponsor_id)
        return pb.DepositResponse(transfer_id=deposit_id(request.request_id), available_fen=available_fen)

    async def CreateHold(self, request: pb.CreateHoldRequest, context: Any) -> pb.CreateHoldResponse:
        """See the contract."""
        shard = self._shards.of_id(request.sponsor_id)
        self._check_parts(request)
        hold = hold_of(
            events.HoldCreated(
                hold_id=request.hold_id,
                campaign_id=request.campaign_id,
                sponsor_id=request.sponsor_id,
                purpose=request.purpose,
                parts=sorted(request.parts, key=lambda part: part.part),
                winnings_wait_until_at=(
                    request.winnings_wait_until_at if request.HasField("winnings_wait_until_at") else None
                ),
                from_budget=request.from_budget,
            )
        )
        ends_ms = milliseconds(request.hold_ends_at) if request.HasField("hold_ends_at") else None
        now_ms = self._clock.now_ms()
        if ends_ms is not None:
            check_end(ends_ms, now_ms, self._settings)
        try:
            event = create_hold(shard.state, hold, ends_ms, now_ms)
        except SettlementError:
            if (refused := hold_refused(shard.state, hold.hold_id, ends_ms, now_ms)) is not None:
                shard.commit(refused, traceparent())
            await shard.settled()
            raise
        failpoint("hold.decided")
        available_fen = await self._carry_out(shard, event, request.sponsor_id)
        failpoint("hold.durable")
        return pb.CreateHoldResponse(hold=_hold_message(hold, shard.state), available_fen=available_fen)

    async def CreateWalletHold(
        self, request: pb.CreateWalletHoldRequest, context: Any
    ) -> pb.CreateWalletHoldResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        ends_ms = milliseconds(request.hold_ends_at)
        hold = WalletHold(request.envelope_id, request.person_id, request.amount_fen, ends_ms)
        event = create_wallet_hold(shard.state, hold, self._clock.now_ms())
        failpoint("wallet.decided")
        if event is not None:
            shard.commit(event, traceparent())
        balance_fen = shard.state.ledger.wallets.get(request.person_id, 0)
        await shard.settled()
        failpoint("wallet.durable")
        return pb.CreateWalletHoldResponse(balance_fen=balance_fen)

    async def GetHold(self, request: pb.GetHoldRequest, context: Any) -> pb.GetHoldResponse:
        """See the contract."""
        shard = self._shards.of_id(request.sponsor_id)
        hold = shard.state.registers.holds.get(request.hold_id)
        if hold is None or hold.sponsor_id != request.sponsor_id:
            raise HoldUnknown(
                f"sponsor {request.sponsor_id} has no hold {request.hold_id}",
                hold_id=request.hold_id,
                sponsor_id=request.sponsor_id,
            )
        response = pb.GetHoldResponse(hold=_hold_message(hold, shard.state))
        await shard.settled()
        return response

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> pb.GetAccountResponse:
        """See the contract."""
        shard = self._shards.numbered(accounts.shard_of_account(request.account_id, self._shards.count))
        account = shard.state.ledger.account(request.account_id)
        if account is None:
            raise AccountUnknown(
                f"nothing ever moved through {request.account_id}", account_id=request.account_id
            )
        response = pb.GetAccountResponse(account=account_message(account, shard.state.ledger))
        await shard.settled()
        return response

    async def GetWallet(self, request: pb.GetWalletRequest, context: Any) -> pb.GetWalletResponse:
        """See the contract."""
        shard = self._shards.of_id(request.person_id)
        now_ms, waiting_ms = self._clock.now_ms(), self._settings.waiting_ms
        response = wallet_message(shard.state, request.person_id, now_ms, waiting_ms)
        await shard.settled()
        return response

    async def GetShardBooks(self, request: pb.GetShardBooksRequest, context: Any) -> pb.GetShardBooksResponse:
        """See the contract."""
        shard = self._shards.numbered(request.shard)
        paid_fen = await self._bank.paid_fen(shard)
        books = shard_books(
            shard.number,
            shard.seq,
            shard.state.ledger,
            self._feed_names(shard.number),
            self._feed_halts(shard.number),
            self._clock.now_ms() - self._settings.pending_overdue_ms,
        )
        books = replace(
            books,
            digest=shard.digest,
            waiting=shard.state.waiting.total(),
            disputes=shard.state.disputes.total(),
            withdrawals=withdrawal_total(shard.state, paid_fen),
        )
        message = write_books(books)
        await shard.settled()
        return pb.GetShardBooksResponse(books=message)

    async def ReadEvents(
        self,
        request: pb.ReadEventsRequest,
        context: Any,
    ) -> AsyncIterator[pb.ReadEventsResponse]:
        """See the contract."""
        shard = self._shards.numbered(request.shard)
        batches = read_feed(shard, request.after_seq, request.batch_records, self._settings)
        if request.HasField("onward_shard"):
            messages = onward_messages(
                batches,
                request.onward_shard,
                batch_limit(request.batch_records, self._settings.feed_batch_records),
                self._settings.message_bytes_max // 4,
            )
        else:
            messages = whole_messages(batches)
        async for message in messages:
            yield message

    async def _carry_out(
        self, shard: OwnedShard, event: events.SettlementEvent | None, sponsor_id: int
    ) -> int:
        """Commits a decision, if there is one; returns what the sponsor has, once all is durable."""
        if event is not None:
            shard.commit(event, traceparent())
        available_fen = shard.state.ledger.balance_fen(accounts.sponsor(sponsor_id))
        # Also without an event: an answer to a repeated request must not be ahead of the first one's record.
        await shard.settled()
        return available_fen

    def _check_parts(self, request: pb.CreateHoldRequest) -> None:
        """Raises `ShardUnknown` for a part that no shard could ever spend or return."""
        shard_count = self._settings.allocation_shards
        for part in request.parts:
            if part.part >= shard_count:
                raise ShardUnknown(
                    f"part {part.part} is for no shard of allocation: there are {shard_count}",
                    shard=part.part,
                    shard_count=shard_count,
                )


def _hold_message(hold: Hold, state: SettlementState) -> pb.Hold:
    created = hold_event(hold)
    return pb.Hold(
        hold_id=created.hold_id,
        campaign_id=created.campaign_id,
        sponsor_id=created.sponsor_id,
        purpose=created.purpose,
        parts=created.parts,
        amount_fen=hold.amount_fen,
        returned_fen=state.registers.returned_fen.get(hold.hold_id, 0),
        from_budget=created.from_budget,
    )
