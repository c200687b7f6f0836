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


class RequestNotPossible(SocialError):
    """One of the two has blocked the other. Both are told the same, so that nobody learns who did."""

    kind = ErrorKind.PRECONDITION
    reason = "REQUEST_NOT_POSSIBLE"
    localized = sentence("你们目前无法成为好友。", "You two cannot become friends at present.")

    def __init__(self, person_id: int, other_person_id: int) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} cannot become friends",
            person_id=person_id,
            other_person_id=other_person_id,
        )


class BlockLimitReached(SocialError):
    """The person has blocked as many people as one may."""

    kind = ErrorKind.PRECONDITION
    reason = "BLOCK_LIMIT_REACHED"
    localized = sentence(
        "黑名单已满，请先移出一些人。",
        "You have blocked as many people as one can: please unblock some first.",
    )

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(f"person {person_id} has blocked {limit} people", person_id=person_id, limit=limit)


class PageTokenInvalid(SocialError):
    """The page token is not one that this list gave out."""

    kind = ErrorKind.INVALID
    reason = "PAGE_TOKEN_INVALID"

    def __init__(self, page_token: str) -> None:
        super().__init__("this page token is not from this list", page_token=page_token)


class RequestIdReused(SocialError):
    """A request_id came back with another input."""

    kind = ErrorKind.EXISTS
    reason = "REQUEST_ID_REUSED"
    localized = sentence(
        "请求重复，请重新操作。", "This was asked before with other input: please start again."
    )

    def __init__(self, request_id: str) -> None:
        super().__init__("this request_id was used with another input", request_id=request_id)


class GroupUnknown(SocialError):
    """There is no such group."""

    kind = ErrorKind.NOT_FOUND
    reason = "GROUP_UNKNOWN"
    localized = sentence("没有这个群。", "There is no such group.")

    def __init__(self, group_id: int) -> None:
        super().__init__(f"there is no group {group_id}", group_id=group_id)


class NotGroupMember(SocialError):
    """Only who is in the group may do this."""

    kind = ErrorKind.DENIED
    reason = "NOT_GROUP_MEMBER"
    localized = sentence("你不在这个群里。", "You are not in this group.")

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(
            f"person {person_id} is not in group {group_id}", group_id=group_id, person_id=person_id
        )


class NotGroupOwner(SocialError):
    """Only who owns the group may do this."""

    kind = ErrorKind.DENIED
    reason = "NOT_GROUP_OWNER"
    localized = sentence("只有群主可以这样做。", "Only the owner of the group can do this.")

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(
            f"person {person_id} does not own group {group_id}", group_id=group_id, person_id=person_id
        )


class NotFriends(SocialError):
    """Only friends can be brought into a group."""

    kind = ErrorKind.PRECONDITION
    reason = "NOT_FRIENDS"
    localized = sentence(
        "只能邀请好友入群，请先加好友。", "Only friends can come in: please become friends first."
    )

    def __init__(self, person_id: int, other_person_id: int) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} are not friends",
            person_id=person_id,
            other_person_id=other_person_id,
        )


class GroupFull(SocialError):
    """The group would have more members than a group may have."""

    kind = ErrorKind.PRECONDITION
    reason = "GROUP_FULL"
    localized = sentence("群成员已满。", "The group is full.")

    def __init__(self, limit: int) -> None:
        super().__init__(f"a group has at most {limit} members", limit=limit)


class GroupLimitReached(SocialError):
    """A person is in as many groups as one may be in."""

    kind = ErrorKind.PRECONDITION
    reason = "GROUP_LIMIT_REACHED"
    localized = sentence("其中一人加入的群已达上限。", "One of you is in as many groups as one can be in.")

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(f"person {person_id} is in {limit} groups", person_id=person_id, limit=limit)


class OwnerNotRemovable(SocialError):
    """The owner of a group cannot be removed from it, only leave."""

    kind = ErrorKind.INVALID
    reason = "OWNER_NOT_REMOVABLE"
    localized = sentence("群主不能被移出，只能自己退群。", "The owner cannot be removed, only leave.")

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(f"person {person_id} owns group {group_id}", group_id=group_id, person_id=person_id)


class FriendUnknown(SocialError):
    """The two are not friends."""

    kind = ErrorKind.NOT_FOUND
    reason = "FRIEND_UNKNOWN"
    localized = sentence("你们还不是好友。", "You two are not friends.")

    def __init__(self, person_id: int, other_person_id: int) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} are not friends",
            person_id=person_id,
            other_person_id=other_person_id,
        )
