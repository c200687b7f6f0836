"""Why a proof is refused: one class for each reason of the contract."""

from __future__ import annotations

from services.cards.domain.errors import CardsError
from services.cards.domain.vocabulary import CampaignId, Source, moment
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class GameNotClosed(CardsError):
    """What was drawn is secret until the pool is shared."""

    kind = ErrorKind.PRECONDITION
    reason = "GAME_NOT_CLOSED"
    localized = sentence(
        "集卡结束、奖金分配之后才能查看证明。",
        "The draw can be checked once the card game is over and its pool is shared.",
    )

    def __init__(self, campaign_id: CampaignId, deadline_ms: int) -> None:
        deadline = moment(deadline_ms)
        super().__init__(
            f"the card game of {campaign_id} is not closed; its deadline is {deadline}",
            campaign_id=campaign_id,
            deadline=deadline,
        )


class CardNotDealt(CardsError):
    """The person was dealt no card from this source for this key."""

    kind = ErrorKind.NOT_FOUND
    reason = "CARD_NOT_DEALT"
    localized = sentence("没有找到这张卡。", "No such card was dealt to you.")

    def __init__(self, campaign_id: CampaignId, source: Source, source_key: str) -> None:
        super().__init__(
            f"{source.name} {source_key!r} of {campaign_id} dealt the person no card",
            campaign_id=campaign_id,
            source=source.name,
            source_key=source_key,
        )
