"""Errors of invitations (`hongbao.social.v1.ErrorReason`)."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.mesh.language import sentence
from services.social.domain.errors import SocialError


class InvitationUnknown(SocialError):
    """Nobody made an invitation with this code."""

    kind = ErrorKind.NOT_FOUND
    reason = "INVITATION_UNKNOWN"
    localized = sentence("邀请码不对，请核对。", "There is no such invitation: please check the code.")

    def __init__(self, code: str) -> None:
        super().__init__("nobody made an invitation with this code", code=code)


class OwnInvitation(SocialError):
    """The invitation is the person's own."""

    kind = ErrorKind.INVALID
    reason = "OWN_INVITATION"
    localized = sentence("不能接受自己的邀请。", "You cannot accept your own invitation.")

    def __init__(self, code: str) -> None:
        super().__init__("nobody accepts an invitation of their own", code=code)


class InvitedBefore(SocialError):
    """The person has accepted somebody else's invitation to the campaign."""

    kind = ErrorKind.PRECONDITION
    reason = "INVITED_BEFORE"
    localized = sentence(
        "你已接受过别人对本次活动的邀请。", "You have accepted somebody else's invitation to this campaign."
    )

    def __init__(self, person_id: int, campaign_id: str) -> None:
        super().__init__(
            f"person {person_id} was invited to {campaign_id} by somebody else",
            person_id=person_id,
            campaign_id=campaign_id,
        )


class AlreadyVerified(SocialError):
    """The person was verified before accepting an invitation."""

    kind = ErrorKind.PRECONDITION
    reason = "ALREADY_VERIFIED"
    localized = sentence(
        "邀请只对尚未实名的新朋友有效。", "Invitations are for people who are not verified yet."
    )

    def __init__(self, person_id: int) -> None:
        super().__init__(f"person {person_id} was verified before", person_id=person_id)


class InvitationLimitReached(SocialError):
    """The person has invitations to as many campaigns as one may have."""

    kind = ErrorKind.PRECONDITION
    reason = "INVITATION_LIMIT_REACHED"
    localized = sentence(
        "你发出邀请的活动已达上限。", "You have invitations to as many campaigns as one can have."
    )

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(
            f"person {person_id} has invitations to {limit} campaigns", person_id=person_id, limit=limit
        )


class InvitedLimitReached(SocialError):
    """As many persons have accepted the invitation as may."""

    kind = ErrorKind.PRECONDITION
    reason = "INVITED_LIMIT_REACHED"
    localized = sentence("这个邀请的名额已满。", "As many people have accepted this invitation as can.")

    def __init__(self, code: str, limit: int) -> None:
        super().__init__(f"{limit} persons have accepted the invitation", code=code, limit=limit)
