"""Errors of circles (`hongbao.social.v1.ErrorReason`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.mesh.errors import ErrorKind
from services.mesh.language import Language, sentence
from services.social.domain.errors import SocialError


class CircleUnknown(SocialError):
    """There is no such circle."""

    kind = ErrorKind.NOT_FOUND
    reason = "CIRCLE_UNKNOWN"
    localized = sentence("没有这个圈子。", "There is no such circle.")

    def __init__(self, circle_id: int) -> None:
        super().__init__(f"there is no circle {circle_id}", circle_id=circle_id)


class PostUnknown(SocialError):
    """There is no such post in the circle, or it was taken down or removed."""

    kind = ErrorKind.NOT_FOUND
    reason = "POST_UNKNOWN"
    localized = sentence(
        "没有这条动态，或已被下架、删除。", "There is no such post, or it was taken down or removed."
    )

    def __init__(self, circle_id: int, post_id: int) -> None:
        super().__init__(
            f"there is no post {post_id} in circle {circle_id}", circle_id=circle_id, post_id=post_id
        )


class CommentUnknown(SocialError):
    """There is no such comment below the post, or it was taken down or removed."""

    kind = ErrorKind.NOT_FOUND
    reason = "COMMENT_UNKNOWN"
    localized = sentence(
        "没有这条评论，或已被下架、删除。", "There is no such comment, or it was taken down or removed."
    )

    def __init__(self, circle_id: int, post_id: int, comment_id: int) -> None:
        super().__init__(
            f"there is no comment {comment_id} below post {post_id} in circle {circle_id}",
            circle_id=circle_id,
            post_id=post_id,
            comment_id=comment_id,
        )


class OwnContent(SocialError):
    """Nobody reports what they wrote."""

    kind = ErrorKind.INVALID
    reason = "OWN_CONTENT"
    localized = sentence("不能举报自己发布的内容。", "You cannot report what you wrote yourself.")

    def __init__(self, circle_id: int, post_id: int, comment_id: int) -> None:
        """`comment_id` is 0 for the post itself."""
        super().__init__(
            f"{_named(circle_id, post_id, comment_id)} is the reporter's own",
            circle_id=circle_id,
            post_id=post_id,
            comment_id=comment_id,
        )


class NotAuthor(SocialError):
    """Only who wrote a post or a comment removes it."""

    kind = ErrorKind.DENIED
    reason = "NOT_AUTHOR"
    localized = sentence("只能删除自己发布的内容。", "You can remove only what you wrote yourself.")

    def __init__(self, circle_id: int, post_id: int, comment_id: int) -> None:
        """`comment_id` is 0 for the post itself."""
        super().__init__(
            f"{_named(circle_id, post_id, comment_id)} is somebody else's",
            circle_id=circle_id,
            post_id=post_id,
            comment_id=comment_id,
        )


class CreditTooLow(SocialError):
    """The person's credit score is below what the circle asks for. Says how to raise it."""

    kind = ErrorKind.DENIED
    reason = "CREDIT_TOO_LOW"
    localized = sentence(
        "你的信用分未达到这个圈子的要求。", "Your credit score is below what this circle asks for."
    )

    def __init__(
        self, circle_id: int, score_min: int, score: int, raises: Sequence[tuple[str, Mapping[str, str]]]
    ) -> None:
        """`raises` are names of what would raise the score, and what to do, by language."""
        super().__init__(
            f"circle {circle_id} asks for {score_min}, and the score is {score}",
            circle_id=circle_id,
            score_min=score_min,
            score=score,
            raises=",".join(name for name, _ in raises),
        )
        chinese = [told[Language.CHINESE].rstrip("。") for _, told in raises]
        english = [told[Language.ENGLISH] for _, told in raises]
        self.localized = sentence(
            f"需要信用分 {score_min}，你目前为 {score}。"
            + (f"可以这样提升：{'；'.join(chinese)}。" if chinese else ""),
            " ".join([f"This takes a credit score of {score_min}; yours is {score}.", *english]),
        )


class CreditUnavailable(SocialError):
    """The person's credit score is not to be had now. Nothing was written."""

    kind = ErrorKind.UNAVAILABLE
    reason = "CREDIT_UNAVAILABLE"
    retry_delay_ms = 1_000
    localized = sentence(
        "暂时查不到你的信用分，请稍后再试。", "Your credit score is not to be had now: please try again soon."
    )

    def __init__(self, person_id: int) -> None:
        super().__init__(f"the score of person {person_id} is not to be had", person_id=person_id)


class CircleLimitReached(SocialError):
    """The person has created as many circles as one may."""

    kind = ErrorKind.PRECONDITION
    reason = "CIRCLE_LIMIT_REACHED"
    localized = sentence("你创建的圈子已达上限。", "You have created as many circles as one can.")

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(f"person {person_id} has created {limit} circles", person_id=person_id, limit=limit)


class TextLimitReached(SocialError):
    """The person has written as many posts and comments today as one may."""

    kind = ErrorKind.PRECONDITION
    reason = "TEXT_LIMIT_REACHED"
    localized = sentence(
        "你今天发的动态和评论已达上限，请明天再来。",
        "You have written as much today as one can: please come back tomorrow.",
    )

    def __init__(self, person_id: int, limit: int) -> None:
        super().__init__(
            f"person {person_id} has written {limit} texts today", person_id=person_id, limit=limit
        )


class ReportUnknown(SocialError):
    """There is no such report."""

    kind = ErrorKind.NOT_FOUND
    reason = "REPORT_UNKNOWN"

    def __init__(self, report_id: int) -> None:
        super().__init__(f"there is no report {report_id}", report_id=report_id)


class ReportDecided(SocialError):
    """The report was decided otherwise before: with another outcome, or in other words."""

    kind = ErrorKind.PRECONDITION
    reason = "REPORT_DECIDED"

    def __init__(self, report_id: int, state: str) -> None:
        super().__init__(
            f"report {report_id} is {state}: that decision and its words stand",
            report_id=report_id,
            state=state,
        )


def _named(circle_id: int, post_id: int, comment_id: int) -> str:
    post = f"post {post_id} in circle {circle_id}"
    return f"comment {comment_id} below {post}" if comment_id else post
