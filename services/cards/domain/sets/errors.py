"""What stands against completing, sealing and watching sets."""

from __future__ import annotations

from services.cards.domain.errors import CardsError
from services.cards.domain.vocabulary import CampaignId, Card, PersonId, card_names, moment
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


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


class WatchersExhausted(CardsError):
    """As many watch figures at this instance as may."""

    kind = ErrorKind.EXHAUSTED
    reason = "WATCHERS_EXHAUSTED"

    def __init__(self, limit: int, retry_delay_ms: int) -> None:
        super().__init__(
            f"{limit} watch the figures of games already", retry_delay_ms=retry_delay_ms, limit=limit
        )
