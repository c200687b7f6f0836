"""Why somebody may give, ask for or receive no more; and what a report is not."""

from __future__ import annotations

from services.cards.domain.errors import CardsError
from services.cards.domain.vocabulary import CampaignId, PersonId, moment
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class LimitReached(CardsError):
    """What the limits that count for a time have in common; those that have a reason are below."""

    kind = ErrorKind.PRECONDITION

    def __init__(
        self, campaign_id: CampaignId, person_id: PersonId, use: tuple[str, int, int], again_at_ms: int
    ) -> None:
        """`use` is the limit's name in `ExchangeLimits`, the limit, and how much of it is used.

        What counts for the whole game is free at its end.
        """
        name, limit, used = use
        super().__init__(
            f"person {person_id} has used {used} of {name} = {limit} in {campaign_id}",
            campaign_id=campaign_id,
            person_id=person_id,
            limit_name=name,
            limit=limit,
            used=used,
            again_at=moment(again_at_ms),
        )


class VelocityLimitReached(LimitReached):
    """The person gave, or asked for, as many cards today as they may."""

    reason = "VELOCITY_LIMIT_REACHED"
    localized = sentence(
        "你今天送出或索要的卡已达上限，请明天再来。",
        "You have given or asked for as many cards today as you may: please come back tomorrow.",
    )


class FanInLimitReached(LimitReached):
    """The person received as many cards, from as many people, as they may."""

    reason = "FAN_IN_LIMIT_REACHED"
    localized = sentence(
        "你收到的卡已达上限，暂时不能再收卡或索要。",
        "You have received as many cards as you may: for now you can neither accept nor ask for more.",
    )


class WaitingLimitReached(CardsError):
    """Too many gifts and asks of the person wait for their answers."""

    kind = ErrorKind.PRECONDITION
    reason = "WAITING_LIMIT_REACHED"
    localized = sentence(
        "你有太多赠送和索要还没有回应，请先等待或取回。",
        "Too many of your gifts and asks wait for an answer: please wait, or take some back.",
    )

    def __init__(self, campaign_id: CampaignId, person_id: PersonId, limit: int, used: int) -> None:
        super().__init__(
            f"{used} gifts and asks of person {person_id} wait in {campaign_id}, at most {limit} may",
            campaign_id=campaign_id,
            person_id=person_id,
            limit_name="waiting_max",
            limit=limit,
            used=used,
        )


class FlowReportUnknown(CardsError):
    """The report on clusters is not kept any more, or has no such cluster."""

    kind = ErrorKind.NOT_FOUND
    reason = "FLOW_REPORT_UNKNOWN"

    def __init__(self, campaign_id: CampaignId, report_id: int) -> None:
        super().__init__(
            f"there is no such report on {campaign_id} any more; ask for a new one",
            campaign_id=campaign_id,
            report_id=report_id,
        )
