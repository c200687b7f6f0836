"""Somebody looks at their score, and sees what becomes of letting a merchant ask about it."""

from __future__ import annotations

from hongbao.gateway.v1 import credit_pb2 as gateway
from hongbao.identity.v1 import credit_partner_pb2 as pb
from hongbao.identity.v1 import credit_partner_pb2_grpc as pb_grpc
from services.cli.gala.apps.calling import new_request_id
from services.cli.gala.people import Player
from services.cli.gala.people_report import CreditFigures
from services.cli.gala.stage import Stage
from services.mesh.errors import ServiceError

SCORE_MIN = 350
"""What the points of all factors are added to."""
MERCHANT = "共享单车"


async def let_a_merchant_ask(stage: Stage, player: Player) -> CreditFigures:
    """A merchant asks without consent, is let, and asks again; the person sees both."""
    stage.progress.act = "a merchant asks for somebody's score"
    merchant = await _register(stage)
    refused = await _ask(stage, merchant, player.person_id) is None
    await stage.apps.credit.grant(player, merchant.partner.partner_id)
    told = await _ask(stage, merchant, player.person_id) or 0
    score = await stage.apps.credit.score(player)
    return CreditFigures(
        score=score.score,
        explained_score=SCORE_MIN + sum(factor.points for factor in score.factors),
        told_score=told,
        refused=int(refused),
        seen=_seen(await stage.apps.credit.queries(player), merchant.partner.partner_id, told),
    )


def _seen(queries: list[gateway.Query], partner_id: int, told: int) -> int:
    outcomes = [(query.outcome, query.score) for query in queries if query.partner_id == partner_id]
    return ((gateway.QUERY_OUTCOME_ANSWERED, told) in outcomes) + (
        (gateway.QUERY_OUTCOME_CONSENT_MISSING, 0) in outcomes
    )


async def _register(stage: Stage) -> pb.RegisterPartnerResponse:
    request = pb.RegisterPartnerRequest(
        request_id=new_request_id(), name=MERCHANT, kind=pb.PARTNER_KIND_MERCHANT
    )
    return await stage.office.as_operator(
        "identity",
        lambda channel, timeout_s: pb_grpc.CreditPartnerRegisterServiceStub(channel).RegisterPartner(
            request, timeout=timeout_s
        ),
    )


async def _ask(stage: Stage, merchant: pb.RegisterPartnerResponse, person_id: int) -> int | None:
    """The person's score; None without consent."""
    request = pb.QueryScoreRequest(
        partner_id=merchant.partner.partner_id,
        partner_secret=merchant.partner_secret,
        request_id=new_request_id(),
        person_id=person_id,
    )
    try:
        answer = await stage.office.as_partner(
            lambda channel, timeout_s: pb_grpc.CreditPartnerServiceStub(channel).QueryScore(
                request, timeout=timeout_s
            )
        )
    except ServiceError as error:
        if error.reason != "CONSENT_MISSING":
            raise
        return None
    return answer.score
