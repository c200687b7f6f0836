"""What people do about their credit score: read it, let somebody ask about it, see who did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc

from hongbao.gateway.v1 import credit_pb2 as pb
from hongbao.gateway.v1 import credit_pb2_grpc
from services.cli.gala.apps.calling import called, new_request_id
from services.cli.gala.people import Player
from services.cli.operator import timestamp

_CONSENT_H = 24


class Credit:
    """Everybody's app, as far as credit goes."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._credit = credit_pb2_grpc.CreditServiceStub(channel)

    async def score(self, player: Player) -> pb.Score:
        """The player's score, with reasons."""
        return (await called(player, self._credit.GetScore, pb.GetScoreRequest())).score

    async def grant(self, player: Player, partner_id: int) -> None:
        """Lets a merchant ask for the score for a day."""
        request = pb.GrantConsentRequest(
            request_id=new_request_id(),
            partner_id=partner_id,
            scopes=[pb.CONSENT_SCOPE_SCORE],
            ends_at=timestamp(datetime.now(UTC) + timedelta(hours=_CONSENT_H)),
        )
        await called(player, self._credit.GrantConsent, request)

    async def queries(self, player: Player) -> list[pb.Query]:
        """Who asked about the player."""
        return list((await called(player, self._credit.ListQueries, pb.ListQueriesRequest())).queries)
