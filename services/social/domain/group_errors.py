"""Errors of who comes into groups, and who leads them (`hongbao.social.v1.ErrorReason`)."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.mesh.language import sentence
from services.social.domain.errors import SocialError


class NotGroupAdmin(SocialError):
    """Only the owner and the admins of the group may do this."""

    kind = ErrorKind.DENIED
    reason = "NOT_GROUP_ADMIN"
    localized = sentence(
        "只有群主和管理员可以这样做。", "Only the owner and the admins of the group can do this."
    )

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(
            f"person {person_id} is neither owner nor admin of group {group_id}",
            group_id=group_id,
            person_id=person_id,
        )


class GroupInvitationUnknown(SocialError):
    """The person is not invited to the group, or no longer."""

    kind = ErrorKind.NOT_FOUND
    reason = "GROUP_INVITATION_UNKNOWN"
    localized = sentence(
        "你没有收到这个群的邀请，或邀请已过期。", "You are not invited to this group, or no longer."
    )

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(
            f"person {person_id} is not invited to group {group_id}", group_id=group_id, person_id=person_id
        )


class GroupInvitationLimitReached(SocialError):
    """As many invitations to the group wait for an answer as may."""

    kind = ErrorKind.PRECONDITION
    reason = "GROUP_INVITATION_LIMIT_REACHED"
    localized = sentence(
        "还有太多入群邀请没有得到答复，请稍后再邀请。",
        "Too many invitations to this group are still unanswered: please wait for some answers.",
    )

    def __init__(self, group_id: int, limit: int) -> None:
        super().__init__(
            f"{limit} invitations to group {group_id} wait for an answer", group_id=group_id, limit=limit
        )


class AlreadyGroupMember(SocialError):
    """The person is in the group already."""

    kind = ErrorKind.PRECONDITION
    reason = "ALREADY_GROUP_MEMBER"
    localized = sentence("对方已经在群里了。", "This person is in the group already.")

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(
            f"person {person_id} is in group {group_id} already", group_id=group_id, person_id=person_id
        )


class OwnerRoleFixed(SocialError):
    """The owner's role changes only when the group is handed over."""

    kind = ErrorKind.INVALID
    reason = "OWNER_ROLE_FIXED"
    localized = sentence(
        "群主的身份只能通过转让群来改变。", "The owner stays the owner until the group is handed over."
    )

    def __init__(self, group_id: int, person_id: int) -> None:
        super().__init__(f"person {person_id} owns group {group_id}", group_id=group_id, person_id=person_id)
