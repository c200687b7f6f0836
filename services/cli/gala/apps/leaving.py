"""What people do who leave: have their data erased."""

from __future__ import annotations

import grpc

from hongbao.gateway.v1 import gateway_pb2 as gateway
from hongbao.gateway.v1 import gateway_pb2_grpc as gateway_grpc
from hongbao.gateway.v1 import privacy_pb2 as pb
from hongbao.gateway.v1 import privacy_pb2_grpc
from services.cli.gala.apps.calling import proven
from services.cli.gala.people import Player
from services.mesh.errors import ServiceError


class Leaving:
    """Everybody's app, as far as leaving goes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._accounts = gateway_grpc.AccountServiceStub(channel)
        self._privacy = privacy_pb2_grpc.PrivacyServiceStub(channel)

    async def erase(self, player: Player) -> pb.Erasure:
        """Has everything erased that no law asks to keep; what was removed, and what is kept."""
        request = pb.RequestErasureRequest(account_id=player.account_id, login_secret=player.login_secret)
        return (await proven(self._privacy.RequestErasure, request)).erasure

    async def login_refusal(self, player: Player) -> str:
        """Why the account cannot sign in; empty when it can."""
        request = gateway.IssueTokenRequest(account_id=player.account_id, login_secret=player.login_secret)
        try:
            await proven(self._accounts.IssueToken, request)
        except ServiceError as error:
            return error.reason
        return ""
