"""Why asks are refused: one class for each reason of the contract."""

from __future__ import annotations

from services.allocation.domain.envelopes.values import AskId, EnvelopeId
from services.allocation.domain.errors import AllocationError
from services.allocation.domain.values import PersonId
from services.mesh.errors import ErrorKind
from services.mesh.language import sentence


class AskUnknown(AllocationError):
    """There is no such ask, or none any more."""

    kind = ErrorKind.NOT_FOUND
    reason = "ASK_UNKNOWN"
    localized = sentence(
        "没有这个讨红包请求，或者它早已结束。", "There is no such request, or it ended long ago."
    )

    def __init__(self, ask_id: AskId) -> None:
        super().__init__(f"there is no ask {ask_id}", ask_id=ask_id)


class AskConflict(AllocationError):
    """The request id stands for another ask."""

    kind = ErrorKind.EXISTS
    reason = "ASK_CONFLICT"
    localized = sentence(
        "这次请求已用于另一次讨红包，请重新发起。", "This request stands for another one. Please ask again."
    )

    def __init__(self, ask_id: AskId, field: str) -> None:
        super().__init__(f"ask {ask_id} exists with other {field}", ask_id=ask_id, field=field)


class AskAnswered(AllocationError):
    """An envelope answers the ask."""

    kind = ErrorKind.PRECONDITION
    reason = "ASK_ANSWERED"
    localized = sentence("你已经回应过这个请求了。", "This request has been answered.")

    def __init__(self, ask_id: AskId, envelope_id: EnvelopeId) -> None:
        super().__init__(
            f"envelope {envelope_id} answers ask {ask_id}", ask_id=ask_id, envelope_id=envelope_id
        )


class AskDeclined(AllocationError):
    """The ask was declined."""

    kind = ErrorKind.PRECONDITION
    reason = "ASK_DECLINED"
    localized = sentence("这个请求已被婉拒。", "This request was declined.")

    def __init__(self, ask_id: AskId) -> None:
        super().__init__(f"ask {ask_id} was declined", ask_id=ask_id)


class AskExpired(AllocationError):
    """The ask's time is over."""

    kind = ErrorKind.PRECONDITION
    reason = "ASK_EXPIRED"
    localized = sentence("这个请求已过期。", "This request has expired.")

    def __init__(self, ask_id: AskId, expires_at_ms: int) -> None:
        super().__init__(f"ask {ask_id} has expired", ask_id=ask_id, expires_at_ms=expires_at_ms)


class SelfAsk(AllocationError):
    """Asker and giver are the same."""

    kind = ErrorKind.INVALID
    reason = "SELF_ASK"
    localized = sentence("不能向自己讨红包。", "You cannot ask yourself for a packet.")

    def __init__(self, person_id: PersonId) -> None:
        super().__init__(f"person {person_id} cannot ask themselves", person_id=person_id)


class NotFriends(AllocationError):
    """The two are not friends."""

    kind = ErrorKind.DENIED
    reason = "NOT_FRIENDS"
    localized = sentence("对方还不是你的好友。", "You are not friends with this person.")

    def __init__(self, person_id: PersonId, other_person_id: PersonId) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} are not friends",
            person_id=person_id,
            other_person_id=other_person_id,
        )


class AsksTooMany(AllocationError):
    """The giver has too many open asks, or was asked too often in the last days."""

    kind = ErrorKind.EXHAUSTED
    reason = "ASKS_TOO_MANY"
    localized = sentence(
        "向对方讨红包的人太多了，请稍后再试。",
        "Too many people are asking this person. Please try again later.",
    )

    def __init__(self, person_id: PersonId, asks_max: int) -> None:
        super().__init__(
            f"person {person_id} has {asks_max} asks already", person_id=person_id, asks_max=asks_max
        )


class AsksRepeated(AllocationError):
    """The asker has too many open asks to this giver."""

    kind = ErrorKind.EXHAUSTED
    reason = "ASKS_REPEATED"
    localized = sentence(
        "你已经向对方讨过红包了，请等对方回应。",
        "You have asked this person already. Please wait for an answer.",
    )

    def __init__(self, person_id: PersonId, other_person_id: PersonId, asks_max: int) -> None:
        super().__init__(
            f"person {person_id} has {asks_max} open asks to person {other_person_id} already",
            person_id=person_id,
            other_person_id=other_person_id,
            asks_max=asks_max,
        )


class AsksFull(AllocationError):
    """The shard keeps no more asks."""

    kind = ErrorKind.EXHAUSTED
    reason = "ASKS_FULL"
    retry_delay_ms = 1000
    localized = sentence("系统繁忙，请稍后再试。", "Too much is going on. Please try again later.")

    def __init__(self, shard: int, asks_max: int) -> None:
        super().__init__(f"shard {shard} keeps {asks_max} asks", shard=shard, asks_max=asks_max)
