"""Wallets, withdrawals and statements behind the gateway's contract: settlement's, of the caller."""

from __future__ import annotations

from typing import Any

from hongbao.gateway.v1 import gateway_pb2
from hongbao.gateway.v1 import wallet_pb2 as pb
from hongbao.settlement.v1 import (
    events_pb2,
    person_events_pb2,
    settlement_pb2,
    settlement_pb2_grpc,
    statements_pb2,
    statements_pb2_grpc,
    withdrawal_events_pb2,
    withdrawals_pb2,
    withdrawals_pb2_grpc,
)
from services.gateway.adapters.forwarding import Forwarding
from services.gateway.domain.entries import KINDS, PHASES, EntryKind, EntryPhase, title
from services.mesh.language import LANGUAGE_KEY, Language, language_of

_SERVICE = "settlement"
_POOL = "pool"
"""Stands in a hold's id where rounds have their own: what is held for the campaign's pool."""
_PAGE_ENTRIES = 50


class WalletClient:
    """The money of one person at a time. Raises settlement's errors as they are."""

    def __init__(self, forwarding: Forwarding) -> None:
        self._forwarding = forwarding

    async def get_wallet(self, person_id: int) -> Any:
        """See `WalletService.GetWallet`."""
        asked = settlement_pb2.GetWalletRequest(person_id=person_id)
        found = await self._call(settlement_pb2_grpc.SettlementServiceStub, "GetWallet", person_id, asked)
        return gateway_pb2.GetWalletResponse(
            person_id=person_id,
            balance_fen=found.balance_fen,
            available_fen=found.available_fen,
            pending_fen=found.pending_fen,
            frozen=found.frozen,
            waiting=[_waiting(winnings) for winnings in found.waiting],
            waiting_fen=found.waiting_fen,
            tier=_tier(found.tier),
            limit_fen=found.limit_fen,
            limit_left_fen=found.limit_left_fen,
            limit_period=found.limit_period,
            merged_into_person_id=found.merged_into_person_id,
        )

    async def request_withdrawal(self, person_id: int, request: Any, language: str) -> Any:
        """See `WalletService.RequestWithdrawal`."""
        asked = withdrawals_pb2.RequestWithdrawalRequest(
            request_id=request.request_id,
            person_id=person_id,
            card_id=request.card_id,
            amount_fen=request.amount_fen,
            request_ends_at=request.request_ends_at,
        )
        answer = await self._of_withdrawals("RequestWithdrawal", person_id, asked, language)
        return pb.RequestWithdrawalResponse(withdrawal=_withdrawal(answer.withdrawal))

    async def get_withdrawal(self, person_id: int, request: Any, language: str) -> Any:
        """See `WalletService.GetWithdrawal`."""
        asked = withdrawals_pb2.GetWithdrawalRequest(person_id=person_id, withdrawal_id=request.withdrawal_id)
        answer = await self._of_withdrawals("GetWithdrawal", person_id, asked, language)
        return pb.GetWithdrawalResponse(withdrawal=_withdrawal(answer.withdrawal))

    async def list_withdrawals(self, person_id: int, request: Any, language: str) -> Any:
        """See `WalletService.ListWithdrawals`."""
        asked = withdrawals_pb2.ListWithdrawalsRequest(
            person_id=person_id, page_size=request.page_size, page_token=request.page_token
        )
        answer = await self._of_withdrawals("ListWithdrawals", person_id, asked, language)
        return pb.ListWithdrawalsResponse(
            withdrawals=[_withdrawal(found) for found in answer.withdrawals],
            next_page_token=answer.next_page_token,
        )

    async def list_entries(self, person_id: int, request: Any, language: str) -> Any:
        """See `WalletService.ListEntries`."""
        asked = statements_pb2.ListEntriesRequest(
            account_id=f"wallet:{person_id}",
            begins_at=request.begins_at if request.HasField("begins_at") else None,
            ends_at=request.ends_at if request.HasField("ends_at") else None,
            order=(
                statements_pb2.ENTRY_ORDER_OLDEST_FIRST
                if request.oldest_first
                else statements_pb2.ENTRY_ORDER_NEWEST_FIRST
            ),
            page_size=request.page_size or _PAGE_ENTRIES,
            page_token=request.page_token,
        )
        stub, spoken = statements_pb2_grpc.StatementServiceStub, language_of(language)
        answer = await self._call(stub, "ListEntries", person_id, asked)
        complete = answer.complete
        return pb.ListEntriesResponse(
            entries=[_entry(found, spoken) for found in answer.entries],
            opening_fen=answer.opening_fen,
            closing_fen=answer.closing_fen,
            next_page_token=answer.next_page_token,
            complete_at=complete.posted_at if complete.HasField("posted_at") else None,
            steps_behind=complete.events_behind,
        )

    async def _of_withdrawals(self, method: str, person_id: int, request: Any, language: str) -> Any:
        stub = withdrawals_pb2_grpc.WithdrawalServiceStub
        return await self._call(stub, method, person_id, request, language)

    async def _call(self, stub: Any, method: str, person_id: int, request: Any, language: str = "") -> Any:
        metadata = ((LANGUAGE_KEY, language),) if language else ()
        return await self._forwarding.to_owner_of(
            _SERVICE,
            person_id,
            lambda channel, timeout_s: getattr(stub(channel), method)(
                request, timeout=timeout_s, metadata=metadata
            ),
        )


def kind_of(code: events_pb2.TransferCode.ValueType) -> EntryKind:
    """What the movements of a transfer code are to the person whose wallet it is."""
    name = events_pb2.TransferCode.Name(code).removeprefix("TRANSFER_CODE_")
    return KINDS.get(name, EntryKind.OTHER)


def _waiting(found: settlement_pb2.WaitingWinnings) -> pb.WaitingWinnings:
    round_id = found.hold_id.partition(".")[2]
    return pb.WaitingWinnings(
        campaign_id=found.campaign_id,
        round_id="" if round_id == _POOL else round_id,
        amount_fen=found.amount_fen,
        since=found.since,
        returned_at=found.waits_until_at if found.HasField("waits_until_at") else None,
    )


def _tier(tier: person_events_pb2.PersonTier.ValueType) -> gateway_pb2.Tier.ValueType:
    return gateway_pb2.Tier.Value(person_events_pb2.PersonTier.Name(tier).removeprefix("PERSON_"))


def _withdrawal(found: withdrawals_pb2.Withdrawal) -> pb.Withdrawal:
    return pb.Withdrawal(
        withdrawal_id=found.withdrawal_id,
        amount_fen=found.amount_fen,
        card_id=found.card_id,
        card_masked=found.card_masked,
        bank_name=found.bank_name,
        state=pb.WithdrawalState.Value(withdrawal_events_pb2.WithdrawalState.Name(found.state)),
        failure=pb.WithdrawalFailure.Value(withdrawal_events_pb2.WithdrawalFailure.Name(found.failure)),
        advice=found.advice,
        bank_reference=found.bank_reference,
        requested_at=found.requested_at,
        ended_at=found.ended_at if found.HasField("ended_at") else None,
    )


def _entry(found: statements_pb2.Entry, language: Language) -> pb.Entry:
    phase_name = events_pb2.TransferPhase.Name(found.phase).removeprefix("TRANSFER_PHASE_")
    kind, phase = kind_of(found.code), PHASES.get(phase_name, EntryPhase.MOVED)
    return pb.Entry(
        seq=found.seq,
        line=found.line,
        posted_at=found.posted_at,
        amount_fen=found.amount_fen,
        balance_fen=found.balance_fen,
        kind=pb.EntryKind.ValueType(kind),
        phase=pb.EntryPhase.ValueType(phase),
        entry_fen=found.transfer_fen,
        title=title(kind, phase, language),
        campaign_id=found.campaign_id,
    )
