"""What players do about their money with their phones: look, bind a card, take out, read, dispute."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import grpc

from hongbao.gateway.v1 import dispute_pb2, dispute_pb2_grpc, wallet_pb2
from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from services.cli.gala.crowd import patiently, within
from services.cli.gala.people import Player
from services.cli.gala.players import CALL_TIMEOUT_S
from services.cli.operator import timestamp
from services.identity.domain.bank_cards import BANKS
from services.identity.domain.simulated_cards import issued_card, reserved_phone
from services.mesh.errors import ServiceError

BANK_TIMEOUT_S = 90.0
"""The longest that a bank may take to decide, and settlement to hear of a card, seconds."""
POLL_S = 0.2
_REQUEST_S = 600
"""How long an app goes on asking for the same withdrawal or dispute, seconds."""
_ENDED = (wallet_pb2.WITHDRAWAL_STATE_SUCCEEDED, wallet_pb2.WITHDRAWAL_STATE_FAILED)
_LANGUAGE = (("accept-language", "en"),)


class Banking:
    """Everybody's app, as far as the owner's own money goes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._accounts = gateway_grpc.AccountServiceStub(channel)
        self._wallets = gateway_grpc.WalletServiceStub(channel)
        self._disputes = dispute_pb2_grpc.DisputeServiceStub(channel)

    async def wallet(self, player: Player) -> gateway.GetWalletResponse:
        """What the player has, and what waits."""
        request = gateway.GetWalletRequest()
        return await patiently(
            lambda: self._wallets.GetWallet(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
        )

    async def bind_card(self, player: Player) -> int:
        """Binds a card that the player's bank has issued; its id."""
        request = gateway.BindCardRequest(
            account_id=player.account_id,
            login_secret=player.login_secret,
            card_number=issued_card(BANKS[player.number % len(BANKS)], player.resident_id),
            phone=reserved_phone(player.resident_id),
        )
        bound = await patiently(lambda: self._accounts.BindCard(request, timeout=CALL_TIMEOUT_S))
        return bound.card.card_id

    async def withdraw(self, player: Player, card_id: int, amount_fen: int) -> wallet_pb2.Withdrawal:
        """Takes money out, and waits for what the bank makes of it."""
        request = wallet_pb2.RequestWithdrawalRequest(
            request_id=str(uuid.uuid4()),
            card_id=card_id,
            amount_fen=amount_fen,
            request_ends_at=timestamp(datetime.now(UTC) + timedelta(seconds=_REQUEST_S)),
        )
        metadata = (*player.credentials, *_LANGUAGE)
        async with within(BANK_TIMEOUT_S, "a withdrawal has not ended"):
            while True:
                try:
                    answer = await patiently(
                        lambda: self._wallets.RequestWithdrawal(
                            request, metadata=metadata, timeout=CALL_TIMEOUT_S
                        )
                    )
                    break
                except ServiceError as error:
                    # Identity knows the card already; settlement hears of it a moment later.
                    if error.reason != "CARD_NOT_BOUND":
                        raise
                    await asyncio.sleep(POLL_S)
            withdrawal: wallet_pb2.Withdrawal = answer.withdrawal
            look = wallet_pb2.GetWithdrawalRequest(withdrawal_id=withdrawal.withdrawal_id)
            while withdrawal.state not in _ENDED:
                await asyncio.sleep(POLL_S)
                found = await patiently(
                    lambda: self._wallets.GetWithdrawal(look, metadata=metadata, timeout=CALL_TIMEOUT_S)
                )
                withdrawal = found.withdrawal
            return withdrawal

    async def statement(self, player: Player) -> tuple[list[wallet_pb2.Entry], int, int]:
        """All entries, the oldest first, with what the wallet held before and after; complete up to now."""
        async with within(BANK_TIMEOUT_S, "a statement is not complete"):
            while True:
                entries, first = await self._entries(player)
                if not first.steps_behind:
                    return entries, first.opening_fen, first.closing_fen
                await asyncio.sleep(POLL_S)

    async def _entries(self, player: Player) -> tuple[list[wallet_pb2.Entry], wallet_pb2.ListEntriesResponse]:
        request = wallet_pb2.ListEntriesRequest(oldest_first=True)
        metadata = (*player.credentials, *_LANGUAGE)
        entries: list[wallet_pb2.Entry] = []
        first: wallet_pb2.ListEntriesResponse | None = None
        while True:
            page = await patiently(
                lambda: self._wallets.ListEntries(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
            )
            first = first or page
            entries += page.entries
            if not page.next_page_token:
                return entries, first
            request.page_token = page.next_page_token

    async def dispute(self, player: Player, entry: wallet_pb2.Entry, words: str) -> str:
        """Says that an entry is wrong; the dispute's id."""
        request = dispute_pb2.OpenDisputeRequest(
            request_id=str(uuid.uuid4()),
            request_ends_at=timestamp(datetime.now(UTC) + timedelta(seconds=_REQUEST_S)),
            entry_seq=entry.seq,
            entry_line=entry.line,
            text=words,
        )
        opened = await patiently(
            lambda: self._disputes.OpenDispute(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
        )
        return opened.dispute.dispute_id

    async def disputed(self, player: Player, dispute_id: str) -> dispute_pb2.GetDisputeResponse:
        """What became of a dispute."""
        request = dispute_pb2.GetDisputeRequest(dispute_id=dispute_id)
        return await patiently(
            lambda: self._disputes.GetDispute(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
        )
