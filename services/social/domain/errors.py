"""Errors of the social contract (`hongbao.social.v1.ErrorReason`)."""

from __future__ import annotations

from services.mesh.errors import ErrorKind, ServiceError


class SocialError(ServiceError):
    """An error of the social service."""

    domain = "hongbao.social"


class SelfFriendship(SocialError):
    """A person cannot be their own friend."""

    kind = ErrorKind.INVALID
    reason = "SELF_FRIENDSHIP"

    def __init__(self, person_id: int) -> None:
        super().__init__(f"person {person_id} cannot be their own friend", person_id=person_id)


class RequestUnknown(SocialError):
    """There is no friend request from the one person to the other."""

    kind = ErrorKind.NOT_FOUND
    reason = "REQUEST_UNKNOWN"

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

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(f"person {person_id} has {limit} friends", person_id=person_id, limit=limit)


class RequestLimitReached(SocialError):
    """The person has as many unanswered requests out as one may have."""

    kind = ErrorKind.PRECONDITION
    reason = "REQUEST_LIMIT_REACHED"

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
