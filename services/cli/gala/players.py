"""What players do on their phones: calls to the gateway, as an app would make them."""

from __future__ import annotations

import uuid

import grpc

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from hongbao.gateway.v1 import session_pb2 as session
from hongbao.gateway.v1 import session_pb2_grpc as session_grpc
from services.cli.gala.crowd import patiently
from services.cli.gala.people import Player
from services.mesh.errors import ErrorKind, ServiceError

CALL_TIMEOUT_S = 10.0
"""What an app waits for an answer, seconds."""


class Phones:
    """Everybody's app: one connection to the gateway, used as whoever holds the phone."""

    def __init__(self, channel: grpc.aio.Channel, campaign_id: str) -> None:
        self._campaign_id = campaign_id
        self._accounts = gateway_grpc.AccountServiceStub(channel)
        self._sessions = session_grpc.SessionServiceStub(channel)
        self._friends = gateway_grpc.FriendServiceStub(channel)
        self._taps = gateway_grpc.TapServiceStub(channel)
        self._wallets = gateway_grpc.WalletServiceStub(channel)

    async def sign_up(self, player: Player) -> None:
        """Registers, and signs in: proven to be somebody, or as a provisional person for now."""
        register = gateway.RegisterRequest(
            request_id=str(uuid.uuid4()), phone=player.phone, display_name=player.name
        )
        account = await patiently(lambda: self._accounts.Register(register, timeout=CALL_TIMEOUT_S))
        player.account_id, player.login_secret = account.account_id, account.login_secret
        if not player.comes_unknown:
            await self.verify(player)
            return
        await self.sign_in(player)
        wallet = await patiently(
            lambda: self._wallets.GetWallet(
                gateway.GetWalletRequest(), metadata=player.credentials, timeout=CALL_TIMEOUT_S
            )
        )
        player.person_id = wallet.person_id

    async def verify(self, player: Player) -> None:
        """Proves who the player is, and signs in as that person."""
        verify = gateway.VerifyPersonRequest(
            account_id=player.account_id,
            login_secret=player.login_secret,
            name=player.name,
            resident_id=player.resident_id,
        )
        person = await patiently(lambda: self._accounts.VerifyPerson(verify, timeout=CALL_TIMEOUT_S))
        player.person_id, player.is_verified = person.person_id, True
        await self.sign_in(player)

    async def sign_in(self, player: Player) -> None:
        """Signs in, as whoever is known to be behind the account by now."""
        issue = gateway.IssueTokenRequest(account_id=player.account_id, login_secret=player.login_secret)
        _hold(player, await patiently(lambda: self._accounts.IssueToken(issue, timeout=CALL_TIMEOUT_S)))

    async def stay_in(self, player: Player) -> None:
        """Lets the player's login go on with a new token, or signs in anew where it cannot."""
        brought = player.refresh_token
        refresh = session.RefreshTokenRequest(refresh_token=brought, request_id=str(uuid.uuid4()))
        try:
            tokens = await patiently(lambda: self._sessions.RefreshToken(refresh, timeout=CALL_TIMEOUT_S))
        except ServiceError as error:
            if error.kind is not ErrorKind.UNAUTHENTICATED:
                raise
            await self.sign_in(player)
            return
        # Whoever has verified meanwhile holds newer ones.
        if player.refresh_token == brought:
            _hold(player, tokens)

    async def befriend(self, asking: Player, asked: Player) -> None:
        """One asks, the other accepts."""
        ask = gateway.RequestFriendRequest(person_id=asked.person_id)
        await patiently(
            lambda: self._friends.RequestFriend(ask, metadata=asking.credentials, timeout=CALL_TIMEOUT_S)
        )
        accept = gateway.AcceptFriendRequest(person_id=asking.person_id)
        await patiently(
            lambda: self._friends.AcceptFriend(accept, metadata=asked.credentials, timeout=CALL_TIMEOUT_S)
        )

    async def part(self, player: Player, friend: Player) -> None:
        """Ends a friendship."""
        request = gateway.RemoveFriendRequest(person_id=friend.person_id)
        await patiently(
            lambda: self._friends.RemoveFriend(request, metadata=player.credentials, timeout=CALL_TIMEOUT_S)
        )

    async def tap(
        self, player: Player, round_id: str, taps: int, traceparent: str = ""
    ) -> gateway.TapResponse:
        """Reports taps. With a traceparent the mesh records what it does with them."""
        request = gateway.TapRequest(campaign_id=self._campaign_id, round_id=round_id, taps=taps)
        metadata = [*player.credentials, ("traceparent", traceparent)] if traceparent else player.credentials

        async def report() -> gateway.TapResponse:
            try:
                return await self._taps.Tap(request, metadata=metadata, timeout=CALL_TIMEOUT_S)
            except ServiceError as error:
                # Without an answer the tap may have won all the same.
                request.retry = request.retry or error.kind in (ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE)
                raise

        return await patiently(report)

    async def balance_fen(self, player: Player) -> int:
        """What is in the player's wallet, fen."""
        answer = await patiently(
            lambda: self._wallets.GetWallet(
                gateway.GetWalletRequest(), metadata=player.credentials, timeout=CALL_TIMEOUT_S
            )
        )
        return answer.balance_fen


def _hold(player: Player, tokens: gateway.IssueTokenResponse | session.RefreshTokenResponse) -> None:
    player.token, player.refresh_token = tokens.access_token, tokens.refresh_token
    player.token_ends_s = tokens.expires_at.seconds
