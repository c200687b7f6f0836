"""Why the game says no: one class for each reason of the contract."""

from __future__ import annotations

from services.cards.domain.events import GameOrder
from services.cards.domain.vocabulary import CampaignId, Card, PersonId, card_names, moment
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


class SupplyPlanInvalid(CardsError):
    """The supply plan contradicts itself, or the window of its game."""

    kind = ErrorKind.INVALID
    reason = "SUPPLY_PLAN_INVALID"

    def __init__(self, campaign_id: CampaignId, field: str, why: str) -> None:
        super().__init__(
            f"the supply plan of {campaign_id} cannot be followed: {field}: {why}",
            campaign_id=campaign_id,
            field=f"supply.{field}",
            why=why,
        )


class LeaseOutOfOrder(CardsError):
    """A shard asked for a lease that is neither its next one nor its last one again."""

    kind = ErrorKind.PRECONDITION
    reason = "LEASE_OUT_OF_ORDER"

    def __init__(self, campaign_id: CampaignId, shard: int, lease_no: int, next_lease_no: int) -> None:
        super().__init__(
            f"lease {lease_no} of shard {shard} in {campaign_id} is not the next one, {next_lease_no}",
            campaign_id=campaign_id,
            shard=shard,
            lease_no=lease_no,
            next_lease_no=next_lease_no,
        )


class SupplyAwaited(CardsError):
    """Cards for new friends wait until home has granted or refused them."""

    kind = ErrorKind.UNAVAILABLE
    reason = "SUPPLY_AWAITED"

    def __init__(self, campaign_ids: tuple[CampaignId, ...]) -> None:
        names = ",".join(campaign_ids)
        super().__init__(f"cards for new friends wait for the supply of {names}", campaign_id=names)


class DeadlineNotReached(CardsError):
    """A shard was asked to seal a game before its own clock has reached the deadline."""

    kind = ErrorKind.PRECONDITION
    reason = "DEADLINE_NOT_REACHED"

    def __init__(self, campaign_id: CampaignId, deadline_ms: int, now_ms: int) -> None:
        deadline = moment(deadline_ms)
        super().__init__(
            f"the card game of {campaign_id} goes on until {deadline}",
            retry_delay_ms=deadline_ms - now_ms,
            campaign_id=campaign_id,
            deadline=deadline,
        )


class GameNotSealed(CardsError):
    """A shard was asked to finish a game that it has not sealed, or with another count of sets."""

    kind = ErrorKind.PRECONDITION
    reason = "GAME_NOT_SEALED"

    def __init__(self, campaign_id: CampaignId, shard: int) -> None:
        super().__init__(
            f"shard {shard} has not sealed the card game of {campaign_id} with this count of sets",
            campaign_id=campaign_id,
            shard=shard,
        )


class CardNotHeld(CardsError):
    """The giver does not hold the card."""

    kind = ErrorKind.PRECONDITION
    reason = "CARD_NOT_HELD"
    localized = sentence("你手里没有这张卡。", "You do not hold this card.")

    def __init__(self, campaign_id: CampaignId, card: Card, held: tuple[Card, ...]) -> None:
        super().__init__(
            f"card {card.name} is not in the hand",
            campaign_id=campaign_id,
            card=card.name,
            held=card_names(held),
        )


class NotFriends(CardsError):
    """Cards are given to friends only."""

    kind = ErrorKind.PRECONDITION
    reason = "NOT_FRIENDS"
    localized = sentence(
        "卡只能送给好友，请先加对方为好友。", "Cards go to friends only: please become friends first."
    )

    def __init__(self, from_person_id: PersonId, to_person_id: PersonId) -> None:
        super().__init__(
            f"persons {from_person_id} and {to_person_id} are not friends",
            from_person_id=from_person_id,
            to_person_id=to_person_id,
        )


class SelfGift(CardsError):
    """Giver and receiver are the same person."""

    kind = ErrorKind.INVALID
    reason = "SELF_GIFT"
    localized = sentence("不能把卡送给自己。", "You cannot give a card to yourself.")

    def __init__(self, person_id: PersonId) -> None:
        super().__init__(f"person {person_id} cannot give a card to themselves", person_id=person_id)


class SetIncomplete(CardsError):
    """The person does not hold one of each card."""

    kind = ErrorKind.PRECONDITION
    reason = "SET_INCOMPLETE"
    localized = sentence("五张卡还没有集齐。", "You do not hold one of each of the five cards yet.")

    def __init__(self, campaign_id: CampaignId, person_id: PersonId, missing: tuple[Card, ...]) -> None:
        names = card_names(missing)
        super().__init__(
            f"person {person_id} lacks {names}", campaign_id=campaign_id, person_id=person_id, missing=names
        )


class PersonMerged(CardsError):
    """The person turned out to be another one, who was known already, and who may complete."""

    kind = ErrorKind.PRECONDITION
    reason = "PERSON_MERGED"
    localized = sentence(
        "你的账号已与你的另一个账号合并，请重新登录。",
        "This account and another one of yours are one now: please sign in again.",
    )

    def __init__(self, person_id: PersonId, merged_into_person_id: int) -> None:
        super().__init__(
            f"person {person_id} is person {merged_into_person_id}",
            person_id=person_id,
            merged_into_person_id=merged_into_person_id,
        )


class RequestIdReused(CardsError):
    """The person used the request_id for another gift or ask; `field` names the first value that differs."""

    kind = ErrorKind.EXISTS
    reason = "REQUEST_ID_REUSED"
    localized = sentence(
        "这次请求与之前提交的不同，请刷新后再试。",
        "This differs from what you asked for before: please refresh and try again.",
    )

    def __init__(self, request_id: str, field: str) -> None:
        super().__init__(
            f"request {request_id} was made with another {field}", request_id=request_id, field=field
        )


class SelfAsk(CardsError):
    """Who asks and who is asked are the same person."""

    kind = ErrorKind.INVALID
    reason = "SELF_ASK"
    localized = sentence("不能向自己要卡。", "You cannot ask yourself for a card.")

    def __init__(self, person_id: PersonId) -> None:
        super().__init__(f"person {person_id} cannot ask themselves for a card", person_id=person_id)


class ExchangeUnknown(CardsError):
    """The person has no such exchange, or their shard has not heard of it yet."""

    kind = ErrorKind.NOT_FOUND
    reason = "EXCHANGE_UNKNOWN"
    localized = sentence("没有找到这次赠送或索要。", "There is no such gift or ask of yours.")

    def __init__(self, campaign_id: CampaignId, exchange_id: str) -> None:
        super().__init__(
            f"the person has no exchange {exchange_id} in {campaign_id}",
            campaign_id=campaign_id,
            exchange_id=exchange_id,
        )


class ExchangeEnded(CardsError):
    """The exchange has ended in another way than was asked for; `state` names it."""

    kind = ErrorKind.PRECONDITION
    reason = "EXCHANGE_ENDED"
    localized = sentence(
        "这次赠送或索要已经结束，请刷新后再看。", "This gift or ask has ended already: please refresh."
    )

    def __init__(self, campaign_id: CampaignId, exchange_id: str, state: str) -> None:
        super().__init__(
            f"exchange {exchange_id} in {campaign_id} has ended: {state}",
            campaign_id=campaign_id,
            exchange_id=exchange_id,
            state=state,
        )


class VelocityLimitReached(CardsError):
    """The person gave, or asked for, as many cards today as they may."""

    kind = ErrorKind.PRECONDITION
    reason = "VELOCITY_LIMIT_REACHED"
    localized = sentence(
        "你今天送出或索要的卡已达上限，请明天再来。",
        "You have given or asked for as many cards today as you may: please come back tomorrow.",
    )

    def __init__(
        self, campaign_id: CampaignId, person_id: PersonId, use: tuple[str, int, int], again_at_ms: int
    ) -> None:
        """`use` is the limit's name in `ExchangeLimits`, the limit, and how much of it is used."""
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


class FanInLimitReached(CardsError):
    """The person received as many cards, from as many people, as they may."""

    kind = ErrorKind.PRECONDITION
    reason = "FAN_IN_LIMIT_REACHED"
    localized = sentence(
        "你收到的卡已达上限，暂时不能再收卡或索要。",
        "You have received as many cards as you may: for now you can neither accept nor ask for more.",
    )

    def __init__(
        self, campaign_id: CampaignId, person_id: PersonId, use: tuple[str, int, int], again_at_ms: int
    ) -> None:
        """`use` as with `VelocityLimitReached`; what counts for the whole game is free at its end."""
        name, limit, used = use
        super().__init__(
            f"person {person_id} has received {used} of {name} = {limit} in {campaign_id}",
            campaign_id=campaign_id,
            person_id=person_id,
            limit_name=name,
            limit=limit,
            used=used,
            again_at=moment(again_at_ms),
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


class WatchersExhausted(CardsError):
    """As many watch figures at this instance as may."""

    kind = ErrorKind.EXHAUSTED
    reason = "WATCHERS_EXHAUSTED"

    def __init__(self, limit: int, retry_delay_ms: int) -> None:
        super().__init__(
            f"{limit} watch the figures of games already", retry_delay_ms=retry_delay_ms, limit=limit
        )
