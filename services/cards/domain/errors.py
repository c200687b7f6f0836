"""Why the game says no: one class for each reason of the contract."""

from __future__ import annotations

from services.cards.domain.events import GameOrder
from services.cards.domain.vocabulary import CampaignId, moment
from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import sentence


class CardsError(ServiceError):
    """What all errors of the card game have in common."""

    domain = "hongbao.cards"


class GameUnknown(CardsError):
    """The campaign has no game, or this shard was not told of it yet."""

    kind = ErrorKind.NOT_FOUND
    reason = "GAME_UNKNOWN"
    localized = sentence("这个活动没有集卡游戏。", "This campaign has no card game.")

    def __init__(self, campaign_id: CampaignId) -> None:
        super().__init__(f"campaign {campaign_id} has no card game", campaign_id=campaign_id)


class GameConflict(CardsError):
    """The game exists with other values; `field` names the first that differs."""

    kind = ErrorKind.EXISTS
    reason = "GAME_CONFLICT"

    def __init__(self, campaign_id: CampaignId, field: str) -> None:
        super().__init__(
            f"campaign {campaign_id} has a card game with another {field}",
            campaign_id=campaign_id,
            field=field,
        )


class GameNotOpen(CardsError):
    """The game has not opened yet."""

    kind = ErrorKind.PRECONDITION
    reason = "GAME_NOT_OPEN"
    localized = sentence(
        "集卡还没有开始，请稍后再来。", "The card game has not begun: please come back later."
    )

    def __init__(self, campaign_id: CampaignId, opens_at_ms: int) -> None:
        opens_at = moment(opens_at_ms)
        super().__init__(
            f"the card game of {campaign_id} opens at {opens_at}", campaign_id=campaign_id, opens_at=opens_at
        )


class DeadlinePassed(CardsError):
    """The deadline's millisecond has begun: nothing is dealt, given or completed any more."""

    kind = ErrorKind.PRECONDITION
    reason = "DEADLINE_PASSED"
    localized = sentence("集卡已经结束。", "The card game is over.")

    def __init__(self, campaign_id: CampaignId, deadline_ms: int) -> None:
        deadline = moment(deadline_ms)
        super().__init__(
            f"the card game of {campaign_id} ended at {deadline}", campaign_id=campaign_id, deadline=deadline
        )


class WinningsWaitTooShort(CardsError):
    """Shares of the pool would go back before their people had any time to be verified."""

    kind = ErrorKind.INVALID
    reason = "WINNINGS_WAIT_TOO_SHORT"

    def __init__(self, order: GameOrder) -> None:
        until, deadline = moment(order.winnings_wait_until_at_ms), moment(order.deadline_ms)
        super().__init__(
            f"shares of {order.campaign_id} wait until {until}, before the deadline of {deadline}",
            campaign_id=order.campaign_id,
            winnings_wait_until_at=until,
            deadline=deadline,
        )


class ShardUnknown(CardsError):
    """There is no shard of that number."""

    kind = ErrorKind.INVALID
    reason = "SHARD_UNKNOWN"

    def __init__(self, shard: int, shard_count: int) -> None:
        super().__init__(
            f"there is no shard {shard} among {shard_count}", shard=shard, shard_count=shard_count
        )


class PageTokenInvalid(CardsError):
    """The page token is not one that was given out."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"

    def __init__(self, page_token: str) -> None:
        super().__init__("the page token is not one that was given out", page_token=page_token)
