"""What people do with several devices: sign in on another one, and end what goes on on a lost one."""

from __future__ import annotations

import grpc

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from hongbao.gateway.v1 import session_pb2 as pb
from hongbao.gateway.v1 import session_pb2_grpc
from services.cli.gala.apps.calling import called, proven
from services.cli.gala.people import Credentials, Player, credentials_of
from services.cli.gala.players import CALL_TIMEOUT_S
from services.mesh.errors import ErrorKind, ServiceError


class Devices:
    """Everybody's app, as far as being signed in goes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._accounts = gateway_grpc.AccountServiceStub(channel)
        self._sessions = session_pb2_grpc.SessionServiceStub(channel)
        self._wallets = gateway_grpc.WalletServiceStub(channel)

    async def sign_in(self, player: Player) -> tuple[int, Credentials]:
        """Signs in on one more device: the session there, and what its calls carry."""
        request = gateway.IssueTokenRequest(account_id=player.account_id, login_secret=player.login_secret)
        tokens = await proven(self._accounts.IssueToken, request)
        return tokens.session_id, credentials_of(tokens.access_token)

    async def end(self, player: Player, session_id: int) -> None:
        """Ends the session of another device."""
        await called(player, self._sessions.RevokeSession, pb.RevokeSessionRequest(session_id=session_id))

    async def sessions(self, player: Player) -> set[int]:
        """Where the player is signed in."""
        answer = await called(player, self._sessions.ListSessions, pb.ListSessionsRequest(page_size=100))
        return {session.session_id for session in answer.sessions}

    async def refusal(self, credentials: Credentials) -> str:
        """Why the gateway takes no call with these; empty when it takes them."""
        try:
            await self._wallets.GetWallet(
                gateway.GetWalletRequest(), metadata=credentials, timeout=CALL_TIMEOUT_S
            )
        except ServiceError as error:
            if error.kind is not ErrorKind.UNAUTHENTICATED:
                raise
            return error.reason
        return ""
