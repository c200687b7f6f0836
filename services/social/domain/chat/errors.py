"""Errors of messages (`hongbao.social.v1.ErrorReason`)."""

from __future__ import annotations

from services.mesh.errors import ErrorKind
from services.mesh.language import sentence
from services.social.domain.errors import SocialError


class RecipientNotFriend(SocialError):
    """Messages go to friends, and these two are none."""

    kind = ErrorKind.PRECONDITION
    reason = "RECIPIENT_NOT_FRIEND"
    localized = sentence(
        "你们还不是好友，请先加好友再聊天。", "You are not friends yet: please become friends first."
    )

    def __init__(self, person_id: int, other_person_id: int) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} are not friends",
            person_id=person_id,
            other_person_id=other_person_id,
        )


class MessageNotPossible(SocialError):
    """One of the two has blocked the other. Both are told the same, so that nobody learns who did."""

    kind = ErrorKind.PRECONDITION
    reason = "MESSAGE_NOT_POSSIBLE"
    localized = sentence("你们目前无法互发消息。", "You two cannot write to each other at present.")

    def __init__(self, person_id: int, other_person_id: int) -> None:
        super().__init__(
            f"persons {person_id} and {other_person_id} cannot write to each other",
            person_id=person_id,
            other_person_id=other_person_id,
        )


class MessageUnknown(SocialError):
    """The person has received no message of the conversation that far."""

    kind = ErrorKind.NOT_FOUND
    reason = "MESSAGE_UNKNOWN"
    localized = sentence("没有这条消息。", "There is no such message.")

    def __init__(self, person_id: int, seq: int) -> None:
        super().__init__(f"person {person_id} has no message {seq} there", person_id=person_id, seq=seq)


class ChatOverloaded(SocialError):
    """Too much waits: what was asked would not be done in time, and nothing was done."""

    kind = ErrorKind.EXHAUSTED
    reason = "CHAT_OVERLOADED"
    localized = sentence(
        "现在聊天的人太多，请稍后再发。", "Too many people are chatting right now: please try again soon."
    )

    def __init__(self, limit: str, wait_ms: int, retry_delay_ms: int) -> None:
        """`limit` is the setting that was reached, `wait_ms` what the wait would have been."""
        super().__init__(
            f"too much waits: {limit} is reached",
            retry_delay_ms=retry_delay_ms,
            limit=limit,
            wait_ms=wait_ms,
        )


class InboxCursorAhead(SocialError):
    """The timeline is shorter than what the reader has seen of it: the cursor is somebody else's."""

    kind = ErrorKind.PRECONDITION
    reason = "INBOX_CURSOR_AHEAD"
    localized = sentence("消息列表已更新，请刷新。", "Your messages have changed: please refresh.")

    def __init__(self, after_inbox_seq: int, last_inbox_seq: int) -> None:
        super().__init__(
            f"entry {after_inbox_seq} was seen, but the timeline ends at {last_inbox_seq}",
            after_inbox_seq=after_inbox_seq,
            last_inbox_seq=last_inbox_seq,
        )


class InboxPurged(SocialError):
    """Entries after the reader's cursor are kept no longer."""

    kind = ErrorKind.PRECONDITION
    reason = "INBOX_PURGED"
    localized = sentence(
        "较早的消息已过期清除，请刷新。", "Older messages are kept no longer: please refresh."
    )

    def __init__(self, after_inbox_seq: int, purged_inbox_seq: int) -> None:
        super().__init__(
            f"entries up to {purged_inbox_seq} are gone",
            after_inbox_seq=after_inbox_seq,
            purged_inbox_seq=purged_inbox_seq,
        )


class AttachmentError(SocialError):
    """Something cannot be sent along."""

    def __init__(self, attachment: str) -> None:
        """`attachment` is packet, card or ask."""
        super().__init__(f"this {attachment} cannot be sent along", attachment=attachment)


class AttachmentUnknown(AttachmentError):
    """There is no such packet, card or ask, as far as the sender may see."""

    kind = ErrorKind.NOT_FOUND
    reason = "ATTACHMENT_UNKNOWN"
    localized = sentence("没有找到要发送的内容。", "What you want to send was not found.")


class AttachmentNotYours(AttachmentError):
    """The packet, card or ask is somebody else's."""

    kind = ErrorKind.DENIED
    reason = "ATTACHMENT_NOT_YOURS"
    localized = sentence("只能发送自己的红包、福卡或请求。", "You can only send what is yours.")


class AttachmentNotForConversation(AttachmentError):
    """The packet, card or ask is meant for others than the conversation has."""

    kind = ErrorKind.PRECONDITION
    reason = "ATTACHMENT_NOT_FOR_CONVERSATION"
    localized = sentence("这不是发给这个聊天里的人的。", "This is meant for other people than those here.")


class AttachmentUnchecked(AttachmentError):
    """Nobody could say what the packet, card or ask is. Nothing was sent."""

    kind = ErrorKind.UNAVAILABLE
    reason = "ATTACHMENT_UNCHECKED"
    localized = sentence(
        "暂时无法发送，请稍后再试。", "This cannot be sent right now: please try again soon."
    )
    retry_delay_ms = 500
