"""Errors of the social contract (`hongbao.social.v1.ErrorReason`)."""

from __future__ import annotations

from services.mesh.errors import ErrorKind, ServiceError
from services.mesh.language import sentence


class SocialError(ServiceError):
    """An error of the social service."""

    domain = "hongbao.social"


class SelfFriendship(SocialError):
    """A person cannot be their own friend."""

    kind = ErrorKind.INVALID
    reason = "SELF_FRIENDSHIP"
    localized = sentence("不能加自己为好友。", "You cannot be your own friend.")

    def __init__(self, person_id: int) -> None:
        super().__init__(f"person {person_id} cannot be their own friend", person_id=person_id)


class RequestUnknown(SocialError):
    """There is no friend request from the one person to the other."""

    kind = ErrorKind.NOT_FOUND
    reason = "REQUEST_UNKNOWN"
    localized = sentence("对方没有发来好友申请。", "This person has not asked you to be friends.")

    def __init__(self, person_id: int, asking_person_id: int) -> None:
        super().__init__(
            f"person {asking_person_id} has not asked person {person_id}",
            person_id=person_id,
            asking_person_id=asking_person_id,
        )


class AlreadyFriends(SocialError):
    """The two are friends already."""

    kind = ErrorKind.PRECONDITION
    reason = "ALREADY_FRIENDS"
    localized = sentence("你们已经是好友了。", "You are friends already.")

    def __init__(self, person_id: int, other_person_id: int) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} are friends already",
            person_id=person_id,
            other_person_id=other_person_id,
        )


class FriendLimitReached(SocialError):
    """One of the two has as many friends as a person may have."""

    kind = ErrorKind.PRECONDITION
    reason = "FRIEND_LIMIT_REACHED"
    localized = sentence("其中一方的好友人数已满。", "One of you has as many friends as one can have.")

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(f"person {person_id} has {limit} friends", person_id=person_id, limit=limit)


class RequestLimitReached(SocialError):
    """The person has as many unanswered requests out as one may have."""

    kind = ErrorKind.PRECONDITION
    reason = "REQUEST_LIMIT_REACHED"
    localized = sentence(
        "还有太多好友申请没有得到答复，请稍后再加。",
        "Too many of your requests are still unanswered: please wait for some answers.",
    )

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(
            f"person {person_id} has {limit} unanswered requests", person_id=person_id, limit=limit
        )


class PageTokenInvalid(SocialError):
    """The page token is not one that this list gave out."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"

    def __init__(self, page_token: str) -> None:
        super().__init__("this page token is not from this list", page_token=page_token)
