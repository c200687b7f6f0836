"""What stands against giving a card, or asking for one."""

from __future__ import annotations

from services.cards.domain.errors import CardsError
from services.cards.domain.vocabulary import CampaignId, Card, PersonId, card_names
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


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
